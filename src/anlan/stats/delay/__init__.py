"""Nowcasting, back-projection and reproduction number (not furnished yet)."""
