"""What is taught: photos, class images, prompts as tokens, and the cache of latents."""
