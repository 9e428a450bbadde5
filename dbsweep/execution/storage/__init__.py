"""Storage by URI: how machines without a common disk get what they need and hand on what they have made."""
