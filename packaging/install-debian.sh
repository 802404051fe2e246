#!/usr/bin/env bash
# System libraries on Debian and Ubuntu. All are optional: without them the app answers into a sound file.
#   libportaudio2           microphone and loudspeaker
#   flite, espeak-ng        the voices that speak the training questions
#   fonts-noto-color-emoji  the things in the training pictures
#   fonts-dejavu-core       the digits in the training pictures
# Usage: packaging/install-debian.sh [--training]
set -euo pipefail

packages=(libportaudio2)
case "${1:-}" in
    "") ;;
    --training) packages+=(flite espeak-ng fonts-noto-color-emoji fonts-dejavu-core) ;;
    *)
        echo "usage: $0 [--training]" >&2
        exit 2
        ;;
esac

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update
"${as_root[@]}" apt-get install --yes --no-install-recommends "${packages[@]}"
