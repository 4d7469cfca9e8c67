"""Where the bytes of pictures lie: `open_store(url, …)` picks the adapter by its scheme."""
