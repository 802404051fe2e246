"""Whatever is written comes out as plain words and pauses, and what cannot be said is named."""

# ruff: noqa: RUF001 - look-alikes are what is tested

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sviqa_app.engine.speakable import BREATH, MARKS, Clause, in_breaths, speakable
from sviqa_app.engine.written.folding import LeftOut

WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
PIECES = (
    "Dr.", "St.", "5", "12", "1984", "1,000", "$", "€", "%", "km", "GB", "-", ":", "/", ".", ",", "'", "’", "A", "I",
    "USA", "NASA", "NOT", "Jan.", "May", "am", "p.m.", "IV", "World War", "Henry", "No.", "#", "e.g.", "etc", "vs",
    "www.", "@", "x", "(s)", "…", "\n", "- ", "é", "Ж", "世", "👍", "\u200d", "\u0301", " ", "the", "The", "Mr", "hmm",
    "iPhone", "1st", "rd", "v", "°", "C", "~", "+", "=", "<", "&", "a", "s", "m", "eg", "ok", "Ave", "½", "²", "T",
    "nd", "Mon", "Co.", "Ph", "D", "w/", "o", "?", "!", ";",
)  # fmt: skip

CASES = [
    # Plain sentences and their pauses.
    ("", ""),
    ("  \n\t ", ""),
    ("...!?", ""),
    ("Hello, world!", "hello, world!"),
    ("No mark at the end", "no mark at the end."),
    ("Really?! Yes... Well", "really? yes. well."),
    ("wait... what", "wait, what."),
    ("One; two: three", "one; two, three."),
    ("A door (the red one) opened.", "a door, the red one, opened."),
    ("(unbalanced [brackets: yes", "unbalanced, brackets, yes."),
    ("It’s “quoted” — well – yes", "it's quoted, well, yes."),
    ("The dogs' bowls, the cat's bowl.", "the dogs bowls, the cat's bowl."),
    ("'tis rock 'n' roll, y'all", "tis rock n roll, y'all."),
    ("my well-known mother-in-law", "my well known mother in law."),
    ("Shopping:\n- milk\n- eggs", "shopping. milk. eggs."),
    ("A title\n\nA line\nthat goes on", "a title. a line that goes on."),
    ("1. Stir\n2. Serve", "one. stir. two. serve."),
    ("It was **very** _good_", "it was very good."),
    # Numbers.
    ("3 cats, 12.5 liters", "three cats, twelve point five liters."),
    ("1,234,567 bees", "one million two hundred and thirty four thousand five hundred and sixty seven bees."),
    (".5 and 0 and -7", "zero point five and zero and minus seven."),
    ("3.14159", "three point one four one five nine."),
    ("1, 2,3", "one, two, three."),
    ("1st 2nd 3rd 21st 100th", "first second third twenty first one hundredth."),
    ("3/4 cup, 1/2, 2 1/2, 1½", "three quarters cup, one half, two and a half, one and a half."),
    ("5/8, 1 1/8, 24/7, 9/11", "five eighths, one and an eighth, twenty four seven, nine eleven."),
    ("5-10 people, 5 – 10 people", "five to ten people, five to ten people."),
    ("3 + 4 = 7, 3 * 4, 10 / 2", "three plus four equals seven, three times four, ten divided by two."),
    ("3×4, 6÷2, √9", "three times four, six divided by two, square root of nine."),
    ("±5, 2^10", "plus or minus five, two to the power of ten."),
    ("1920x1080, 10x faster, 3:1", "nineteen twenty by one thousand and eighty, ten times faster, three to one."),
    ("007", "zero zero seven."),
    ("v2.0, version v2.0.1, v3", "version two point zero, version two point zero point one, version three."),
    ("10.20.30.40", "ten point twenty point thirty point forty."),
    ("1234567890123456", "one two three, four five six, seven eight nine, zero one two, three four five six."),
    ("1000000000 stars", "one billion stars."),
    ("1" * 6 + ",2" * 6, "one hundred and eleven thousand one hundred and eleven, two, two, two, two, two, two."),
    ("H2O, MP3, A4, 3D, COVID-19", "h two o, m p three, ay four, three d, covid nineteen."),
    ("٣ १२ ４２", "three twelve forty two."),
    # Telephone numbers.
    ("555-1234", "five five five, one two three four."),
    ("(555) 123-4567", "five five five, one two three, four five six seven."),
    ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight."),
    ("0800 123 456", "zero eight zero zero, one two three, four five six."),
    ("Call 911.", "call nine one one."),
    # Years and dates.
    ("In 1984, 2005, 2024", "in nineteen eighty four, two thousand and five, twenty twenty four."),
    ("the 1900s, the 1990s, '80s", "the nineteen hundreds, the nineteen nineties, eighties."),
    ("1990-1995", "nineteen ninety to nineteen ninety five."),
    ("2024's best", "twenty twenty four's best."),
    ("3/4/2024", "three slash four slash twenty twenty four."),
    ("2024-01-03", "january third twenty twenty four."),
    ("Jan. 3rd, 2024", "january third, twenty twenty four."),
    ("January 3-5", "january third to fifth."),
    ("on 5 March, the 4th of July", "on the fifth of march, the fourth of july."),
    ("Sat, Jan 5, Mon-Fri", "saturday, january fifth, monday to friday."),
    ("It rained in Dec. It fell in Feb. 2020.", "it rained in december. it fell in february twenty twenty."),
    ("In May 2020 we may march 5 miles", "in may twenty twenty we may march five miles."),
    # Times.
    ("9:15, 9:05 pm, 14:30", "nine fifteen, nine oh five p m, fourteen thirty."),
    ("9:00, 14:00, 12:00 p.m., 9am", "nine o'clock, fourteen hundred, twelve p m, nine ay m."),
    ("10:00:30 and 07:30", "ten o'clock and thirty seconds and seven thirty."),
    ("9am-5pm, 9:00-17:00", "nine ay m to five p m, nine o'clock to seventeen hundred."),
    ("We met at 5 p.m. The rain fell.", "we met at five p m. the rain fell."),
    ("at 5 p.m. sharp", "at five p m sharp."),
    # Money.
    ("$12.50", "twelve dollars and fifty cents."),
    ("$12.5, $0.99, $1.01", "twelve dollars and fifty cents, ninety nine cents, one dollar and one cent."),
    ("$1, $0, $1.005", "one dollar, zero dollars, one point zero zero five dollars."),
    ("£3, £0.01, ¥500", "three pounds, one penny, five hundred yen."),
    ("€1.2 million, $3bn, $5k", "one point two million euros, three billion dollars, five thousand dollars."),
    ("$5-10, $5 - $10", "five to ten dollars, five to ten dollars."),
    ("12€, 5 USD, EUR 7, US$20", "twelve euros, five dollars, seven euros, twenty dollars."),
    ("-$5", "minus five dollars."),
    ("$100/month, $1,000", "one hundred dollars per month, one thousand dollars."),
    # Measures.
    ("50% of 5-10%", "fifty percent of five to ten percent."),
    ("5 km, 1 km, 70kg, a 5-km run", "five kilometers, one kilometer, seventy kilograms, a five kilometer run."),
    ("20°C, -40 °F", "twenty degrees celsius, minus forty degrees fahrenheit."),
    ("45°, 1°", "forty five degrees, one degree."),
    ("60 mph, 100 km/h, 1 mph", "sixty miles per hour, one hundred kilometers per hour, one mile per hour."),
    ("16GB, 3 MB/s, 2.4 GHz", "sixteen gigabytes, three megabytes per second, two point four gigahertz."),
    ("6 ft. tall, 6 ft. The end.", "six feet tall, six feet. the end."),
    ("5'10\" tall, 3 m², 5 µg", "five foot ten tall, three meters squared, five micrograms."),
    ("30 s, the 30s", "thirty seconds, the thirties."),
    # Abbreviations and initials.
    ("Dr. Smith met Mr. and Mrs. Jones", "doctor smith met mister and missus jones."),
    ("12 Main St. near St. Mary's", "twelve main street near saint mary's."),
    ("e.g. cats, i.e. dogs", "for example cats, that is dogs."),
    ("apples, pears, etc. It was fine, etc.", "apples, pears, et cetera. it was fine, et cetera."),
    ("cats vs. dogs, approx. No. 5", "cats versus dogs, approximately number five."),
    ("No. I won't.", "no. i won't."),
    ("pp. 3-5, fig. 2, max. 10", "pages three to five, figure two, maximum ten."),
    ("Gen. Grant, Mt. Everest, St Andrews", "general grant, mount everest, saint andrews."),
    ("Smith & Co. closed. Apple Inc. did not.", "smith and company closed. apple incorporated did not."),
    ("J.R.R. Tolkien, J. Smith, A. Jones", "j r r tolkien, j smith, ay jones."),
    ("the U.S. Army, the U.S. The next", "the u s army, the u s. the next."),
    ("w/ milk, w/o sugar, and/or honey", "with milk, without sugar, and or honey."),
    ("a Ph.D. student, a PhD", "a p h d student, a p h d."),
    ("ok OK hmm", "okay okay hum."),
    # Capitals.
    ("NASA, USA, FBI, HTML", "nasa, u s ay, f b i, h t m l."),
    ("two CDs, the CEO's car", "two c d's, the c e o's car."),
    ("I am NOT going", "i am not going."),
    ("THIS IS LOUD, EVEN IN THE USA. DON'T STOP!", "this is loud, even in the u s ay. don't stop!"),
    ("BEFORE JANUARY 3 AT 5 PM", "before january third at five p m."),
    ("YouTube on my iPhone, McDonald's", "you tube on my i phone, mcdonald's."),
    ("vitamin A, Plan B", "vitamin ay, plan b."),
    ("AT&T, Q&A, TCP/IP", "ay t and t, q and ay, t c p i p."),
    ("my tv, a pdf", "my t v, a p d f."),
    # Roman numerals.
    ("World War II, Chapter IV", "world war two, chapter four."),
    ("Henry VIII, Louis XIV's wig", "henry the eighth, louis the fourteenth's wig."),
    ("In Chapter I describe, in Part I.", "in chapter i describe, in part one."),
    ("Mary I said, Henry V.", "mary i said, henry the fifth."),
    # Addresses and symbols.
    ("john.doe@example.com", "john dot doe at example dot com."),
    ("See https://www.example.com/a_b.", "see w w w dot example dot com slash a underscore b."),
    ("http://b.org?x=1#y", "b dot org question mark x equals one hash y."),
    ("github.com/a-b, end.Next", "github dot com slash a dash b, end. next."),
    ("main.py, readme.txt", "main dot py, readme dot t x t."),
    ("C#, C++, #5, #tag, @me", "c sharp, c plus plus, number five, hashtag tag, at me."),
    ("~5, a/b, x < y, a -> b", "about five, a slash b, x less than y, a to b."),
    ("word(s) & 5° → 6°", "words and five degrees to six degrees."),
    # Unicode.
    ("café naïve Łódź straße Ærø piñata", "cafe naive lodz strasse aero pinata."),
    ("cafe\u0301 \u200bze\u00adro\x00\x07width\ufeff", "cafe zero width."),
    ("ＦＵＬＬ width ﬁne", "full width fine."),
    ("I love 🍕! 👍🏽👍🏽 🇫🇷 1️⃣", "i love, slice of pizza! thumbs up, f r one."),
    ("❤️❤️ ✅ 🤷‍♀️ ☀️", "heart, check mark, shrug, sun with rays,"),
    ("π r² and α", "pi r squared and alpha."),
    ("\ud800 lone \udfff", "lone."),
    ("─────── text ───────", "text."),
    ("soooooo www zzz", "soo w w w z z."),
]  # fmt: skip


@pytest.mark.parametrize(("written", "said"), CASES)
def test_what_is_written_is_said(written: str, said: str) -> None:
    assert str(speakable(written)) == said


def test_the_table_is_long_enough() -> None:
    assert len(CASES) >= 100


@pytest.mark.parametrize(
    ("text", "left_out", "said"),
    [
        ("Привет мир, hello!", (LeftOut("Cyrillic", 2),), "hello!"),
        ("これは本です。", (LeftOut("Chinese or Japanese", 1),), ""),
        ("안녕 하세요 ok", (LeftOut("Korean", 2),), "okay."),
        ("γεια", (LeftOut("Greek", 1),), ""),
        ("नमस्ते שלום and สวัสดี", (LeftOut("Devanagari", 1), LeftOut("Hebrew", 1), LeftOut("Thai", 1)), "and."),
        ("iPhone手机", (LeftOut("Chinese or Japanese", 1),), "i phone."),
    ],
)
def test_other_scripts_are_left_out_and_counted(text: str, left_out: tuple[LeftOut, ...], said: str) -> None:
    made = speakable(text)
    assert (made.left_out, str(made)) == (left_out, said)


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("hello", ""),
        ("один два три", "This voice speaks English only; it left out 3 words in Cyrillic."),
        ("один", "This voice speaks English only; it left out 1 word in Cyrillic."),
        ("один два γεια", "This voice speaks English only; it left out 2 words in Cyrillic and 1 in Greek."),
        (
            "один γεια שלום",
            "This voice speaks English only; it left out 1 word in Cyrillic, 1 in Greek and 1 in Hebrew.",
        ),
    ],
)
def test_what_was_left_out_is_said_in_a_sentence(text: str, remark: str) -> None:
    assert speakable(text).remark == remark


def check(text: str) -> None:
    """What holds for any text: only sayable words, known marks, and the same again from what came out."""
    made = speakable(text)
    for clause in made.clauses:
        assert clause.words and clause.mark and clause.mark in MARKS
        assert all(WORD.fullmatch(word) for word in clause.words)
    assert speakable(str(made)) == type(made)(made.clauses, ())


@settings(deadline=None, max_examples=300)
@given(st.text())
def test_any_text_becomes_sayable(text: str) -> None:
    check(text)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=14), st.sampled_from(["", " "]))
def test_any_mixture_of_written_forms_becomes_sayable(pieces: list[str], between: str) -> None:
    check(between.join(pieces))


def test_every_character_there_is_becomes_sayable() -> None:
    for plane in range(0, sys.maxunicode + 1, 0x1000):
        check("".join(c for c in map(chr, range(plane, plane + 0x1000)) if unicodedata.category(c) != "Cn"))


@pytest.mark.parametrize("unit", ["a", "1", ".", "-", "$1", "1.", "1-", "a.", "a@", "- \n", "Ж", "👍", "p.m. "])
def test_long_text_of_one_kind_comes_through(unit: str) -> None:
    check(unit * (20_000 // len(unit)))


def test_long_text_loses_nothing() -> None:
    once = speakable("On Jan. 3rd, 2024, Dr. Smith paid $12.50 for 5 km of rope (50% off).")
    assert speakable(f"{once} " * 200).clauses == once.clauses * 200


def test_no_word_is_endless() -> None:
    words = speakable("ab" * 5_000 + "'" + "cd" * 5_000).clauses[0].words
    assert max(map(len, words)) <= 30
    assert "".join(words) == "ab" * 5_000 + "cd" * 5_000


def test_breaths_are_short_and_lose_nothing() -> None:
    text = (
        "The old man who lived at the end of the road walked to the market every morning because he liked the smell "
        "of fresh bread and the sound of people arguing about the price of fish."
    )
    made = speakable(text).clauses
    breaths = list(in_breaths(made))
    assert [word for clause in breaths for word in clause.words] == list(made[0].words)
    assert all(len(clause.words) <= BREATH for clause in breaths)
    assert [clause.mark for clause in breaths] == ["", "", "."]
    assert [clause.words[0] for clause in breaths] == ["the", "to", "and"]


def test_a_short_clause_is_one_breath() -> None:
    clause = Clause(("yes",), "!")
    assert list(in_breaths([clause])) == [clause]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["and", "the", "of", "dog", "because", "runs"]), min_size=1, max_size=80),
    st.integers(1, 20),
)
def test_any_clause_can_be_breathed(words: list[str], most: int) -> None:
    breaths = list(in_breaths([Clause(tuple(words), "?")], most))
    assert [word for clause in breaths for word in clause.words] == words
    assert all(0 < len(clause.words) <= most for clause in breaths)
    assert [clause.mark for clause in breaths] == [""] * (len(breaths) - 1) + ["?"]
