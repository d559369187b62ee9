"""What of the documents of MMRotate 0.3 does not hold yet, with its reason in docs/contract.md: ever fewer names."""

# documented names that are missing, or take their arguments otherwise
DIFFERING: set[str] = set()
NOT_IMPORTED: set[str] = set()
