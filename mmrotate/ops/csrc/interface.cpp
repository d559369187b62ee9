// Which interface this library was built with: it goes up by one whenever a signature changes, so
// that a library left over from an older checkout is not called. See backend.py.
#include "parallel.h"

MMROTATE_API int mmrotate_ops_interface() { return 8; }
