"""What search knows of four languages: function words, words of time, months and days.

Knows no SQL and no store. A language that has no table here is searched all the same, by its
words as they are written; it only goes without stems, stop words and dates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

__all__ = ["Language", "languages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """The words one language brings to search, all in lower case and without accents.

    Attributes:
        name: The name of its Snowball stemmer.
        stop_words: Words that carry no content, left out of a query.
        first_person: Words by which a speaker tells of themselves.
        time_words: Words that place something in time.
        when_questions: Beginnings or parts of questions that ask for a time.
        months: Month names and short forms, to 1-12.
        weekdays: Day names, to 0 (Monday) - 6.
        day_offsets: Phrases for a day near today, to days from today.
        units: Words for day, week, month and year, to "day", "week", "month" or "year".
        last: Words that put a unit or weekday in the past, "last".
        next: Words that put a unit or weekday in the future, "next".
        ago: Patterns with {n} (a number) and {unit}, "two weeks ago".
        numbers: Number words, to their value.
        ambiguous_months: Month names that are ordinary words too, trusted only beside a number
            or a preposition.
        month_prepositions: Words that make an ambiguous month a month.
    """

    name: str
    stop_words: frozenset[str]
    first_person: frozenset[str]
    time_words: frozenset[str]
    when_questions: tuple[str, ...]
    months: dict[str, int]
    weekdays: dict[str, int]
    day_offsets: dict[str, int]
    units: dict[str, str]
    last: tuple[str, ...]
    next: tuple[str, ...]
    ago: tuple[str, ...]
    numbers: dict[str, int]
    ambiguous_months: frozenset[str] = field(default=frozenset())
    month_prepositions: tuple[str, ...] = ()


@cache
def languages() -> tuple[Language, ...]:
    """Every language with a table; the first is used where none can be told."""
    return (_english(), _german(), _french(), _spanish())


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _numbered(words: str, start: int) -> dict[str, int]:
    """Words in order to numbers from `start`; a slash joins words of one number."""
    return {
        word: number
        for number, group in enumerate(words.split(), start)
        for word in group.split("/")
    }


def _english() -> Language:
    return Language(
        name="english",
        stop_words=_set(
            "a about above after again against all am an and any are aren as at be because been "
            "before being below between both but by can cannot could couldn d did didn do does "
            "doesn doing don down during each few for from further had hadn has hasn have haven "
            "having he her here hers herself him himself his how i if in into is isn it its itself "
            "just ll m me might more most mustn my myself no nor not of off on once only or other "
            "our ours ourselves out over own re s same shan she should shouldn so some such t than "
            "that the their theirs them themselves then there these they this those through to too "
            "under until up ve very was wasn we were weren what when where which while who whom "
            "whose why will with won would wouldn you your yours yourself yourselves"
        ),
        first_person=_set("i my me mine myself we our us im ive id ill"),
        time_words=_set(
            "yesterday today tomorrow tonight ago last next week weekend month year day morning "
            "evening afternoon night monday tuesday wednesday thursday friday saturday sunday "
            "january february march april june july august september october november december "
            "recently soon weeks months years days since spring summer fall autumn winter"
        ),
        when_questions=(
            "when",
            "what date",
            "what day",
            "which day",
            "what month",
            "which month",
            "what year",
            "which year",
            "what time",
            "how long ago",
            "how long",
            "which week",
        ),
        months=_numbered(
            "january/jan february/feb march/mar april/apr may june/jun july/jul august/aug "
            "september/sep/sept october/oct november/nov december/dec",
            1,
        ),
        weekdays=_numbered(
            "monday/mon tuesday/tue/tues wednesday/wed thursday/thu/thurs friday/fri "
            "saturday/sat sunday/sun",
            0,
        ),
        day_offsets={
            "the day before yesterday": -2,
            "yesterday": -1,
            "last night": -1,
            "today": 0,
            "tonight": 0,
            "this morning": 0,
            "this evening": 0,
            "this afternoon": 0,
            "tomorrow": 1,
            "the day after tomorrow": 2,
        },
        units={
            "day": "day",
            "days": "day",
            "week": "week",
            "weeks": "week",
            "weekend": "week",
            "weekends": "week",
            "month": "month",
            "months": "month",
            "year": "year",
            "years": "year",
        },
        last=("last", "past", "previous"),
        next=("next", "coming", "upcoming"),
        ago=(r"{n} {unit} ago", r"{n} {unit} back", r"{n} {unit} earlier"),
        numbers=_numbered("a/an/one two/couple three/few four five six seven eight nine ten", 1),
        ambiguous_months=_set("may march mar sun sat wed mon jan"),
        month_prepositions=(
            "in",
            "on",
            "of",
            "since",
            "until",
            "during",
            "by",
            "last",
            "next",
            "early",
            "late",
            "mid",
            "this",
            "from",
            "around",
        ),
    )


def _german() -> Language:
    return Language(
        name="german",
        stop_words=_set(
            "aber alle allem allen aller alles als also am an andere anderen auch auf aus bei beim "
            "bin bis bist da damit dann das dass dein deine deinem deinen deiner dem den denn der "
            "des dich die dies diese diesem diesen dieser dieses dir doch dort du durch ein eine "
            "einem einen einer eines er es etwas euch euer eure fur gegen hab habe haben hat hatte "
            "hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in ins ist ja "
            "jede jedem jeden jeder jedes kann kein keine keinen konnen man mein meine meinem "
            "meinen meiner mich mir mit nach nicht nichts noch nun nur ob oder ohne schon sehr "
            "sein seine seinem seinen seiner seit sich sie sind so soll uber um und uns unser "
            "unsere unter viel vom von vor wann war waren warst was weil welche welchem welchen "
            "welcher welches wenn wer wem wen werde werden wessen wie wieder will wir wird wo "
            "woher wohin wurde wurden zu zum zur zwischen gibt gab"
        ),
        first_person=_set("ich mein meine meinem meinen meiner mir mich wir uns unser unsere"),
        time_words=_set(
            "gestern heute morgen vorgestern ubermorgen letzte letzten letzter letztes nachste "
            "nachsten nachster woche wochen wochenende monat monate monaten jahr jahre jahren tag "
            "tage tagen montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar "
            "marz april mai juni juli august september oktober november dezember seit neulich bald "
            "abend nacht mittag fruhling sommer herbst winter"
        ),
        when_questions=(
            "wann",
            "welches datum",
            "welchem tag",
            "welcher tag",
            "welchem monat",
            "welchem jahr",
            "um wie viel uhr",
            "wie lange",
            "seit wann",
        ),
        months=_numbered(
            "januar/janner februar marz/maerz april mai juni juli august september oktober "
            "november dezember",
            1,
        ),
        weekdays=_numbered(
            "montag dienstag mittwoch donnerstag freitag samstag/sonnabend sonntag", 0
        ),
        day_offsets={
            "vorgestern": -2,
            "gestern": -1,
            "heute": 0,
            "heute morgen": 0,
            "ubermorgen": 2,
        },
        units={
            "tag": "day",
            "tage": "day",
            "tagen": "day",
            "woche": "week",
            "wochen": "week",
            "wochenende": "week",
            "monat": "month",
            "monate": "month",
            "monaten": "month",
            "jahr": "year",
            "jahre": "year",
            "jahren": "year",
        },
        last=(
            "letzte",
            "letzten",
            "letzter",
            "letztes",
            "letztem",
            "vergangene",
            "vergangenen",
            "vorige",
            "vorigen",
        ),
        next=("nachste", "nachsten", "nachster", "nachstes", "kommende", "kommenden"),
        ago=(r"vor {n} {unit}",),
        numbers=_numbered(
            "ein/eine/einem/einer/einen zwei drei vier funf sechs sieben acht neun zehn", 1
        ),
    )


def _french() -> Language:
    return Language(
        name="french",
        stop_words=_set(
            "a ai ainsi alors apres as au aucun aucune aussi autre autres aux avait avant avec "
            "avoir c ca car ce ceci cela celle celles celui ces cet cette ceux chez ci comme "
            "comment d dans de depuis des deux donc dont du elle elles en encore entre es est et "
            "etait etaient ete etes etre eu eux fait faire fut hors il ils j je jusque l la "
            "laquelle le lequel les lesquelles lesquels leur leurs lui m ma mais me meme memes "
            "mes moi moins mon n ne ni nos notre nous on ont ou par parce pas pendant peu peut "
            "plus pour pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se sera "
            "ses si sien son sont sous suis sur t ta te tes toi ton tous tout toute toutes tres "
            "tu un une va vers vos votre vous y"
        ),
        first_person=_set("je j mon ma mes moi me nous notre nos"),
        time_words=_set(
            "hier aujourd demain dernier derniere prochain prochaine semaine semaines weekend mois "
            "an ans annee annees jour jours matin soir nuit lundi mardi mercredi jeudi vendredi "
            "samedi dimanche janvier fevrier mars avril mai juin juillet aout septembre octobre "
            "novembre decembre depuis recemment bientot printemps ete automne hiver"
        ),
        when_questions=(
            "quand",
            "quelle date",
            "quel jour",
            "quel mois",
            "quelle annee",
            "quelle heure",
            "combien de temps",
        ),
        months=_numbered(
            "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
            1,
        ),
        weekdays=_numbered("lundi mardi mercredi jeudi vendredi samedi dimanche", 0),
        day_offsets={
            "avant hier": -2,
            "hier": -1,
            "aujourd hui": 0,
            "ce matin": 0,
            "ce soir": 0,
            "demain": 1,
            "apres demain": 2,
        },
        units={
            "jour": "day",
            "jours": "day",
            "semaine": "week",
            "semaines": "week",
            "weekend": "week",
            "mois": "month",
            "an": "year",
            "ans": "year",
            "annee": "year",
            "annees": "year",
        },
        last=("dernier", "derniere", "derniers", "dernieres", "passe", "passee"),
        next=("prochain", "prochaine", "prochains", "prochaines"),
        ago=(r"il y a {n} {unit}",),
        numbers=_numbered("un/une deux trois quatre cinq six sept huit neuf dix", 1),
    )


def _spanish() -> Language:
    return Language(
        name="spanish",
        stop_words=_set(
            "a al algo algun alguna algunas alguno algunos ante antes aquel aquella aqui asi aun "
            "aunque cada como con contra cual cuales cuando cuanto cuantos de del desde donde dos "
            "e el ella ellas ellos en entre era eran es esa esas ese eso esos esta estaba estaban "
            "estado estan estar estas este esto estos estoy fue fueron ha habia hace han has hasta "
            "hay he la las le les lo los mas me mi mis mucho muy nada ni no nos nosotros nuestra "
            "nuestro o os otra otro para pero poco por porque que quien quienes se sea ser si sido "
            "sin sobre solo son soy su sus tal tambien tan tanto te tiene tienen todo todos tu tus "
            "un una unas uno unos va y ya yo"
        ),
        first_person=_set("yo mi mis me nosotros nuestra nuestro nos"),
        time_words=_set(
            "ayer hoy manana anteayer anoche pasado pasada proximo proxima semana semanas mes "
            "meses ano anos dia dias tarde noche lunes martes miercoles jueves viernes sabado "
            "domingo enero febrero marzo abril mayo junio julio agosto septiembre octubre "
            "noviembre diciembre hace desde pronto primavera verano otono invierno"
        ),
        when_questions=(
            "cuando",
            "que fecha",
            "que dia",
            "que mes",
            "que ano",
            "que hora",
            "cuanto tiempo",
        ),
        months=_numbered(
            "enero febrero marzo abril mayo junio julio agosto septiembre/setiembre octubre "
            "noviembre diciembre",
            1,
        ),
        weekdays=_numbered("lunes martes miercoles jueves viernes sabado domingo", 0),
        day_offsets={
            "anteayer": -2,
            "ayer": -1,
            "anoche": -1,
            "hoy": 0,
            "esta manana": 0,
            "esta noche": 0,
            "manana": 1,
            "pasado manana": 2,
        },
        units={
            "dia": "day",
            "dias": "day",
            "semana": "week",
            "semanas": "week",
            "mes": "month",
            "meses": "month",
            "ano": "year",
            "anos": "year",
        },
        last=("pasado", "pasada", "ultimo", "ultima"),
        next=("proximo", "proxima", "siguiente"),
        ago=(r"hace {n} {unit}",),
        numbers=_numbered("un/una/uno dos tres cuatro cinco seis siete ocho nueve diez", 1),
    )
