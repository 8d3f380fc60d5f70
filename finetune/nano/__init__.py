"""The making and measuring of nano, the bundled model: tokenizer, pretraining, its thinking adapter, the bundle.

Uses ``charts`` and ``vision``. ``python -m finetune.nano`` runs its steps.
"""
