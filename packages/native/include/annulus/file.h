// Files of derived data (codes, graphs): written whole, replaced atomically, checked before use.
#ifndef ANNULUS_FILE_H
#define ANNULUS_FILE_H

#include <annulus/snapshot_file.h>
#include <annulus/snapshot_writer.h>

#endif
