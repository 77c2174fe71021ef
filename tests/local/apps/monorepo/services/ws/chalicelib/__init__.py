from pathlib import Path

DATA = Path(__file__).parent / "names.txt"
NAMES = DATA.read_text().split()
