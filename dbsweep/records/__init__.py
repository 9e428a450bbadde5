"""The frozen records that pass between rooms; each can be written as JSON and read back without loss."""
