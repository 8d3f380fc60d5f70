"""Conversations: their values, how they are answered, kept, exported, linked to and judged."""
