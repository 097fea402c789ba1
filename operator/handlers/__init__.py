"""kopf handlers: what a watch tells is handed on, nothing is decided."""
