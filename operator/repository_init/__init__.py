"""The init containers' commands: one fetches the model files (`fetch_main`), one lays out Triton's repository (`main`).

`main` keeps to the standard library: it starts fast.
"""
