"""The gate seen from outside: a crawler that looks for paid paragraphs wherever one can look, and a walk along all doors."""
