"""The past, in one room: the module paths and names of MMRotate 0.3, answered by what stands today.

No other room knows of them. The tables cost nothing until a name of theirs is asked for.
"""
