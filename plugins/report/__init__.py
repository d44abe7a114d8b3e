"""The report: what a judgement says, as a page for people (HTML, Markdown) and as data (JSON)."""
