"""Charts, tables, diagrams and figures drawn from exact numbers, with questions, reasoning and answers."""
