"""What is concluded: the final answer, whether two are the same, and a vote over several. Uses no engine."""
