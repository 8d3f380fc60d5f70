"""Data, recipes, rewards, benchmarks and the model card; ``python -m finetune.<command>`` runs each.

Uses ``vision``'s parsers, checks and graders, and nothing of ``app``.
"""
