"""The plugins that ship with backmap. They come in through the same entry points as anyone's."""
