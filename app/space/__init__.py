"""A Hugging Face Space: written, planned, pushed; and the GPU it borrows."""
