#!/usr/bin/env bash
# System libraries on Debian and Ubuntu. All are optional: without them the app answers into a sound file.
#   libportaudio2, libasound2-plugins   microphone and loudspeaker, also through PulseAudio
# --window: what Qt needs on a bare X11 or Wayland desktop
# --training:
#   flite, espeak-ng        the voices that speak the training questions
#   fonts-noto-color-emoji  the things in the training pictures
#   fonts-dejavu-core       the digits in the training pictures
# --stories: a screen, a sound card, hands, a desktop bus and a screen reader's ears for the tests in tests/stories
# Usage: packaging/install-debian.sh [--window] [--training] [--stories]
set -euo pipefail

packages=(libportaudio2 libasound2-plugins)
window=(libegl1 libgl1 libfontconfig1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1
    libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xkb1 libdbus-1-3)
for choice in "$@"; do
    case "$choice" in
        --window) packages+=("${window[@]}") ;;
        --training) packages+=(flite espeak-ng fonts-noto-color-emoji fonts-dejavu-core) ;;
        --stories) packages+=("${window[@]}" pulseaudio pulseaudio-utils xvfb xdotool
            dbus python3-dbus python3-gi at-spi2-core python3-pyatspi gir1.2-atspi-2.0) ;;
        *)
            echo "usage: $0 [--window] [--training] [--stories]" >&2
            exit 2
            ;;
    esac
done

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update
"${as_root[@]}" apt-get install --yes --no-install-recommends "${packages[@]}"
