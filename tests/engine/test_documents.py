"""Documents: how sections are cut, cited and told about."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from engine.documents import PIECE_CHARS, Section, announcement, outline, pieces, size_text, title
from engine.records import Document


def cut(text, **section):
    return list(pieces([Section(text=text, **section)]))


class TestPieces:
    def test_a_short_section_is_one_piece(self):
        (piece,) = cut("Breathe in.\n", heading="Yoga > Breath")
        assert (piece.place, piece.text) == ("Yoga > Breath", "Breathe in.")

    def test_a_section_without_words_is_none(self):
        assert cut("  \n\n ") == []

    @given(st.text(alphabet="ab. \n", max_size=5000))
    def test_every_word_is_kept_in_order_and_no_piece_is_too_long(self, text):
        found = cut(text)
        assert "".join("".join(piece.text.split()) for piece in found) == "".join(text.split())
        assert all(0 < len(piece.text) <= PIECE_CHARS for piece in found)

    def test_what_no_database_keeps_is_replaced(self):
        (piece,) = cut("half \ud800 and \0no\x1b\x9bthing", heading="\udfff")
        assert (piece.place, piece.text) == ("?", "half ? and nothing")

    def test_they_end_at_paragraphs_where_there_are_any(self):
        paragraph = "word " * 150 + "end."
        found = cut(f"{paragraph}\n\n{paragraph}\n\n{paragraph}")
        assert [piece.text for piece in found] == [paragraph] * 3

    def test_they_end_at_sentences_where_there_are_no_paragraphs(self):
        found = cut("This sentence has five words. " * 100)
        assert all(piece.text.endswith("words.") for piece in found)

    def test_a_page_and_a_heading_are_the_place(self):
        (piece,) = cut("x", page=12, heading="Sick leave")
        assert piece.place == "page 12, Sick leave"

    def test_of_a_long_heading_the_lowest_part_is_kept(self):
        (piece,) = cut("x", heading=f"{'Guide > ' * 40}Sick leave")
        assert piece.place.startswith("…")
        assert piece.place.endswith("> Guide > Sick leave")
        assert len(piece.place) < 130

    def test_lines_are_counted_where_they_are_the_place(self):
        found = cut("".join(f"line {number} {'x' * 40}\n" for number in range(1, 61)), first_line=1)
        assert found[0].place == "lines 1-24"
        assert found[1].place.startswith("lines 25-")
        assert found[-1].place.endswith("-60")

    def test_what_is_repeated_stands_above_each(self):
        found = cut("1;2\n" * 1000, repeated="a;b", first_line=2)
        assert len(found) > 1
        assert all(piece.text.startswith("a;b\n1;2") for piece in found)


class TestCitations:
    def test_a_title_is_the_name_and_the_place(self):
        assert title("handbook.pdf", "page 12") == "handbook.pdf, page 12"
        assert title("notes.txt", "") == "notes.txt"

    def test_sizes_are_written_as_people_do(self):
        sizes = (7, 1000, 1_240_000, 20_000_000)
        assert [size_text(size) for size in sizes] == ["7 bytes", "1 kB", "1.2 MB", "20 MB"]


class TestAnnouncement:
    def document(self, **changes):
        values = {
            "id": "d",
            "name": "handbook.pdf",
            "sha256": "0",
            "size_bytes": 1_240_000,
            "pages": 120,
            "passages": 340,
            "loaded_at": datetime(2026, 11, 21, tzinfo=UTC),
        }
        return Document(**(values | changes))

    def test_says_name_size_pages_and_outline(self):
        told = announcement(
            self.document(), ["page 1, Holidays", "page 2, Holidays", "page 3, Pay"]
        )
        assert told.startswith("handbook.pdf (1.2 MB, 120 pages) is now in archival memory as 340 ")
        assert told.endswith("Outline: Holidays; Pay")

    def test_has_no_outline_without_headings(self):
        assert "Outline" not in announcement(self.document(pages=0), ["lines 1-4", "page 3", ""])

    def test_an_outline_is_bounded_and_says_how_much_more_there_is(self):
        shown = outline(f"Chapter {number}, lines 1-2" for number in range(1000))
        assert len(shown) < 1600
        assert shown.startswith("Chapter 0; Chapter 1; ")
        assert shown.endswith(" more")
