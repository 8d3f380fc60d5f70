SYSTEM_PROMPT = (
    "Look at the picture and reason step by step inside <think> and </think>: "
    'read what matters, do one operation a step, and check it. Then finish with "The answer is ...".'
)
