"""What is made of the text: thought and answer apart, numbered steps, arithmetic checked, numbers traced.

Uses ``pictures``, and no engine.
"""
