"""The code of our custom resources, as it runs in Lambda: `answer.py` is the entry, the others do one job each.

In Lambda this folder is the root, so that the modules import nothing of the library and nothing of each other.
"""
