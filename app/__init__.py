"""What people and programs use: page, command line, API, MCP, Space.

Uses ``vision``, and nothing of ``finetune``. ``cli`` and ``page.layout.launch`` are the ways in.
"""

import os

# Nothing is fetched or reported from the page; gradio reads this when it is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
