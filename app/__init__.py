"""What people and programs use: the page and the command line."""

import os

# Nothing is fetched or reported from the page; gradio reads this when it is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
