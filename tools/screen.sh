#!/usr/bin/env bash
# Make sure that a virtual screen with OpenGL is there: the tests of the widgets open real windows.
# macOS and Windows have a real one.
set -euo pipefail
python=$1
[ "$(uname -s)" = Linux ] || exit 0
packages=(
    xvfb xauth libegl1 libgl1 libgl1-mesa-dri libxkbcommon-x11-0 libdbus-1-3 libxcb-cursor0
    libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0
    libxcb-xinerama0 libfontconfig1 libglib2.0-0
)

probe() { # opens Qt on a virtual screen and asks it for OpenGL
    command -v xvfb-run >/dev/null && LIBGL_ALWAYS_SOFTWARE=1 xvfb-run -a "$python" -c '
import sys
from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext
app = QGuiApplication([])
surface, context = QOffscreenSurface(), QOpenGLContext()
surface.create()
sys.exit(not (context.create() and context.makeCurrent(surface)))
'
}

probe >/dev/null 2>&1 && exit
as_root=(env DEBIAN_FRONTEND=noninteractive)
[ "$(id -u)" = 0 ] || as_root=(sudo --non-interactive "${as_root[@]}")
if { [ "$(id -u)" = 0 ] || [ "${CI:-}" = true ]; } && command -v apt-get >/dev/null; then
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" apt-get install -qy --no-install-recommends "${packages[@]}"
    probe && exit
fi
echo "No virtual screen with OpenGL. Debian, Ubuntu: apt install ${packages[*]}" >&2
exit 1
