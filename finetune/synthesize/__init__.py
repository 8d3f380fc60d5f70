"""Problems from a teacher, in three steps: written (``planning teacher batches journal prices``), filtered (``filters alike funnel``),
handed over (``rows``). Uses vision's checks and :mod:`finetune.samples`; nothing else uses it.
"""
