"""Branches and what they share on Ray and Ray Tune; nothing else imports ray."""
