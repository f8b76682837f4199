"""``python -m botconvo`` and the ``botconvo`` command."""

from botconvo.cli import main

if __name__ == "__main__":
    main()
