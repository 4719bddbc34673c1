"""Forty-two requests of a firm's year, from December 2027 to the end of 2028: what comes in, what is done about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.support.firm_year import Days, Story, Year

CALLED: Final = {
    1: ("2027-11-02 11:00", "2027-11-09 15:30"),
    3: ("2027-11-03 14:20", "2027-11-24 09:05"),
    4: ("2027-11-04 10:10",),
    6: ("2027-11-05 10:10",),
    7: ("2027-11-05 11:10",),
    9: ("2027-11-06 11:10", "2027-11-07 11:10"),
    10: ("2027-11-08 12:00",),
    11: ("2027-11-09 12:00",),
    17: ("2027-11-10 12:00", "2027-11-11 12:00"),
    19: ("2027-11-12 12:00", "2027-11-13 12:00"),
    20: ("2027-11-12 13:00",),
    21: ("2027-11-15 13:00", "2027-11-16 13:00"),
    24: ("2027-11-17 13:00", "2027-11-18 13:00"),
    26: ("2027-11-19 13:00", "2027-11-20 13:00"),
    29: ("2027-11-22 13:00",),
    34: ("2027-11-23 13:00",),
    41: ("2027-11-24 13:00",),
}
"""Story -> when the person was called and recorded: ``rec-<story>-<n>``."""
TELLINGS: Final[list[Callable[[Story], Days]]] = []
"""All of them; their numbers count from 1."""


def told(story: Callable[[Story], Days]) -> Callable[[Story], Days]:
    """A story of the year."""
    TELLINGS.append(story)
    return story


def line(story: int) -> str:
    """The number of the person of a story, E.164."""
    return f"+447700900{100 + story}"


def spelled(story: int) -> str:
    """As people write it."""
    return f"07700 900{100 + story}"


def past(year: Year) -> None:
    """What happened before the first request."""
    with year.opened() as data:
        for story, times in CALLED.items():
            for n, at in enumerate(times):
                year.recorded(data, f"rec-{story}-{n}", at, line(story))
        for story in (5, 8, 14, 16, 22, 23, 25, 28):
            year.refused(data, f"no-{story}", "2027-11-25 09:30", line(story))
        year.given(data, "rec-24-0", "b-2027")
        year.given(data, "rec-34-0", "b-2027")
        year.given(data, "rec-41-0", "b-2027")
        # in the hour that the clocks make twice, once in each
        year.refused(data, "no-12-0", "2028-10-29 01:30", line(12), "outside_hours")
        year.refused(data, "no-12-1", "2028-10-29 01:30 second", line(12), "outside_hours")
        year.refused(data, "no-13-0", "2028-03-26 00:40", line(13), "outside_hours")
        year.refused(data, "no-13-1", "2028-03-26 02:20", line(13), "outside_hours")


# --- access -------------------------------------------------------------------------------------------------------


@told
def access_as_it_should_be(s: Story) -> Days:
    """Access to calls and recordings, asked for by e-mail in January and answered in nine days."""
    yield "2028-01-10"
    s.open("access", "email", name="Alba Reed", contact="alba@example.invalid", number=spelled(1))
    s.letter("acknowledgement")
    yield "2028-01-14"
    s.proven()
    s.do("decide", "--grant")
    yield "2028-01-19"
    s.fulfil("--pack", "--told")


@told
def access_to_nothing(s: Story) -> Days:
    """Access, by the web, by somebody of whom nothing is held."""
    yield "2028-01-11"
    s.open("access", "web", name="Bela Nagy", contact="bela@example.invalid", number=spelled(2))
    s.letter("acknowledgement")
    s.proven()
    s.do("decide", "--grant")
    s.fulfil("--told")


@told
def access_with_a_mistyped_day(s: Story) -> Days:
    """Access to the call of a day on which there was none: the person wrote 2026 and meant 2027."""
    yield "2028-01-12"
    about = ("--on", "2026-11-03", "--around", "14:30")
    s.open("access", "post", *about, name="Cara Hill", contact="2 Mill Lane\nYork", number=spelled(3))
    s.letter("acknowledgement")
    s.proven()
    s.do("decide", "--grant", code=3)
    s.search("--everything")
    s.do("decide", "--grant")
    yield "2028-01-20"
    s.fulfil("--pack", "--told")


@told
def access_with_a_number_written_oddly(s: Story) -> Days:
    """Access; the number came with country code, brackets, dots and full-width digits."""
    yield "2028-01-13"
    s.open(
        "access",
        "email",
        name="Dai Rees",
        contact="dai@example.invalid",
        number="+44 (0)\uff17\uff17\uff10\uff10.900-104",
    )
    s.proven()
    s.do("decide", "--grant")
    s.fulfil("--pack", "--told")


@told
def access_by_phone_without_a_number(s: Story) -> Days:
    """Access by phone; neither number nor time were said, so the acknowledgement asks for both."""
    yield "2028-01-17"
    s.open("access", "phone", name="Ebo Mensah", contact="ebo@example.invalid")
    s.letter("acknowledgement")
    yield "2028-01-24"
    s.proven("--number", spelled(5))
    s.do("decide", "--grant")
    s.fulfil("--pack", "--told")


@told
def access_with_identity_asked_in_time(s: Story) -> Days:
    """Access; identity is asked for on the fourth day, and the clock starts with the proof on 14 February."""
    yield "2028-01-18"
    s.open("access", "email", name="Fay Cole", contact="fay@example.invalid", number=spelled(6))
    yield "2028-01-22"
    s.do("ask-identity")
    s.letter("identity")
    s.letter("acknowledgement")
    yield "2028-02-14"
    s.proven()
    s.do("decide", "--grant")
    yield "2028-03-10"
    s.fulfil("--pack", "--told")


@told
def access_with_identity_asked_too_late(s: Story) -> Days:
    """Access; identity is asked for on the twelfth day: the clock runs from the receipt, and the answer is late."""
    yield "2028-01-20"
    s.open("access", "email", name="Gus Park", contact="gus@example.invalid", number=spelled(7))
    yield "2028-02-01"
    s.do("ask-identity", "--note", "A letter or a bill with your name and address.")
    s.letter("identity")
    yield "2028-02-22"
    s.proven()
    s.do("decide", "--grant")
    s.fulfil("--pack", "--told")


@told
def access_with_a_question(s: Story) -> Days:
    """Access; what is meant is asked, and the clock stands still for sixteen days."""
    yield "2028-02-01"
    s.open("access", "post", name="Hana Sato", contact="9 Quay Road\nHull", number=spelled(8))
    s.do("verify-identity", "--checked", "passport seen in person")
    yield "2028-02-10"
    s.do("clarify", "--question", "Do you mean our calls to your own number alone?")
    s.letter("clarification")
    yield "2028-02-26"
    s.do("clarified", "--answer", "Yes, to my own number.")
    s.search()
    s.do("decide", "--grant")
    yield "2028-03-17"
    s.fulfil("--pack", "--told")


@told
def access_extended(s: Story) -> Days:
    """Access that is complex: the time is extended within the month, and the answer comes in the third."""
    yield "2028-03-01"
    s.open("access", "email", name="Ines Duarte", contact="ines@example.invalid", number=spelled(9))
    s.proven()
    yield "2028-03-29"
    s.do("extend", "--reasons", "You ask about two recordings in which other people speak; each has to be heard.")
    s.letter("extension")
    yield "2028-04-03"
    s.do("extend", "--reasons", "again", code=3)
    yield "2028-05-30"
    s.do("decide", "--grant")
    s.fulfil("--pack", "--told")


@told
def access_of_the_last_of_january(s: Story) -> Days:
    """Access that came on 31 January: the month ends on 29 February, a Tuesday, and the answer goes out that day."""
    yield "2028-01-31"
    s.open("access", "web", name="Jon Bell", contact="jon@example.invalid", number=spelled(10))
    s.letter("acknowledgement")
    s.proven()
    yield "2028-02-29"
    s.do("decide", "--grant")
    s.fulfil("--pack", "--told")


@told
def access_of_a_leap_day(s: Story) -> Days:
    """Access that came on 29 February, due on 29 March; the answer goes out a day late and says so."""
    yield "2028-02-29"
    s.open("access", "post", name="Kit Ward", contact="1 High Street\nLeeds", number=spelled(11))
    s.proven()
    yield "2028-03-30"
    s.do("decide", "--grant")
    s.fulfil("--pack", "--told")


@told
def access_to_the_hour_that_comes_twice(s: Story) -> Days:
    """Access to an attempt at half past one on 29 October, an hour that the clocks make twice: both are found."""
    yield "2028-11-01"
    about = ("--on", "2028-10-29", "--around", "01:30", "--within", "5m")
    s.open("access", "email", *about, name="Lena Voss", contact="lena@example.invalid", number=spelled(12))
    s.proven()
    s.do("decide", "--grant")
    s.fulfil("--pack", "--told")


@told
def access_to_the_hour_that_is_left_out(s: Story) -> Days:
    """Access to an attempt at half past one on 26 March, which no clock showed; it came a quarter before one on the
    first of July, which in UTC is June."""
    yield "2028-07-01 00:45"
    about = ("--on", "2028-03-26", "--around", "01:30")
    s.open("access", "email", *about, name="Milo Grant", contact="milo@example.invalid", number=spelled(13))
    s.letter("acknowledgement")
    yield "2028-07-03"
    s.proven()
    s.do("decide", "--grant")
    s.fulfil("--pack", "--told")


@told
def access_refused_for_others(s: Story) -> Days:
    """Access that is refused, for what is held is about somebody else; the authority is told the same day."""
    yield "2028-04-03"
    s.open("access", "email", name="Nora Quill", contact="nora@example.invalid", number=spelled(14))
    s.proven()
    yield "2028-04-10"
    s.refuse("rights_of_others", "The call was for another person in your house, and you ask what was said of them.")
    s.do("told", "person")
    s.do("told", "authority", "--reference", "IC-100014-A1B2")


@told
def access_without_a_proof(s: Story) -> Days:
    """Access; the proof of identity that was asked for never comes, and it is refused for that."""
    yield "2028-04-04"
    s.open("access", "phone", name="Otto Lang", contact="otto@example.invalid", number=spelled(15))
    yield "2028-04-05"
    s.do("ask-identity")
    s.letter("identity")
    yield "2028-05-15"
    s.do("search", code=3)
    s.refuse("identity_not_proven", "We wrote to you on 5 April and have no answer.")
    s.do("told", "person")
    yield "2028-05-16"
    s.do("told", "authority", "--reference", "IC-100015-A1B2")


@told
def access_withdrawn(s: Story) -> Days:
    """Access that the person takes back."""
    yield "2028-04-06"
    s.open("access", "email", name="Pia Holm", contact="pia@example.invalid", number=spelled(16))
    s.letter("acknowledgement")
    yield "2028-04-09"
    s.do("withdraw", "--reason", "I have found the letter.")
    s.do("decide", "--grant", code=3)


@told
def access_with_a_recording_left_out(s: Story) -> Days:
    """Access to two recordings, of which one cannot be shown without harm to somebody else."""
    yield "2028-05-02"
    s.open("access", "post", name="Quinn Abbot", contact="5 Elm Grove\nBath", number=spelled(17))
    s.proven()
    s.do("decide", "--grant", "--reasons", "Your letter was dated 29 April and reached us on 2 May.")
    s.fulfil("--pack", "--leave-out", "rec-17-1", "--told")


@told
def access_over_the_holidays(s: Story) -> Days:
    """Access that came on 1 December: a month ends on New Year's Day, the policy's 30 days the day before it."""
    yield "2027-12-01"
    s.open("access", "email", name="Rhys Owen", contact="rhys@example.invalid", number=spelled(18))
    s.letter("acknowledgement")
    yield "2027-12-31"
    s.proven()
    s.do("decide", "--grant")
    s.fulfil("--told")


# --- erasure ------------------------------------------------------------------------------------------------------


@told
def erasure_as_it_should_be(s: Story) -> Days:
    """Erasure of two recordings and of all else, asked for by e-mail; the request forgets who asked."""
    yield "2028-02-02"
    s.open("erasure", "email", name="Sana Malik", contact="sana@example.invalid", number=spelled(19))
    s.letter("acknowledgement")
    yield "2028-02-08"
    s.proven()
    s.do("decide", "--grant")
    s.fulfil("--yes", "--told")
    s.do("letter", "confirmation", code=3)


@told
def erasure_by_phone(s: Story) -> Days:
    """Erasure that was asked for by phone: it counts, and is asked for in writing besides."""
    yield "2028-02-03"
    s.open("erasure", "phone", name="Tom Usher", contact="tom@example.invalid", number=spelled(20))
    s.letter("writing")
    yield "2028-02-09"
    s.proven()
    s.do("decide", "--grant")
    s.fulfil("--yes", "--told")


@told
def erasure_held_in_part(s: Story) -> Days:
    """Erasure that a legal hold stops in part: both are told, it stays open, and is completed when the hold ends."""
    yield "2028-02-04"
    hold = s.hold("--recording", "rec-21-1", "--reason", "claim", "--reference", "case 21/2028")
    s.open("erasure", "email", name="Uma Nair", contact="uma@example.invalid", number=spelled(21))
    yield "2028-02-10"
    s.proven()
    s.do("decide", "--grant")
    s.fulfil("--yes")
    s.do("told", "person")
    s.do("told", "authority", "--reference", "IC-100021-A1B2")
    yield "2028-08-31"
    s.do("fulfil", "--yes", code=3)
    s.release(hold)
    s.fulfil("--yes")
    s.do("told", "person")


@told
def erasure_refused(s: Story) -> Days:
    """Erasure that is refused for a legal claim; the authority is told two days later."""
    yield "2028-06-05"
    s.open("erasure", "post", name="Vera Lund", contact="7 Park Row\nDerby", number=spelled(22))
    s.proven()
    yield "2028-06-12"
    s.refuse("legal_claims", "Your claim of 2 June about our call of 25 November 2027 is before the county court.")
    s.do("told", "person")
    yield "2028-06-14"
    s.do("told", "authority", "--reference", "IC-100022-A1B2")


@told
def erasure_refused_late(s: Story) -> Days:
    """Erasure that is refused for a contract, three days after the last day: late stays late."""
    yield "2028-06-06"
    s.open("erasure", "email", name="Wilf Stone", contact="wilf@example.invalid", number=spelled(23))
    s.proven()
    yield "2028-07-09"
    s.refuse("contract", "You have a running contract with us, which our call of 25 November 2027 was about.")
    s.do("told", "person")
    s.do("told", "authority", "--reference", "IC-100023-A1B2")


@told
def erasure_with_a_recipient(s: Story) -> Days:
    """Erasure of what an auditor was given: the confirmation names them, and they are told, with a letter of their
    own."""
    yield "2028-06-07"
    s.open("erasure", "email", name="Xena Ford", contact="xena@example.invalid", number=spelled(24))
    s.proven()
    s.do("decide", "--grant")
    yield "2028-06-13"
    s.fulfil("--yes")
    s.letter("recipient", "--to", "auditor@example.invalid")
    s.do("told", "recipient", "--how", "mail", "--reference", "mail 17")
    s.do("told", "person")


@told
def erasure_with_identity_asked(s: Story) -> Days:
    """Erasure; identity is asked for in time, and the policy's 30 days stay visible beside the clock."""
    yield "2028-06-08"
    s.open("erasure", "email", name="Yann Roux", contact="yann@example.invalid", number=spelled(25))
    yield "2028-06-15"
    s.do("ask-identity")
    s.letter("identity")
    yield "2028-07-20"
    s.proven()
    s.do("clarify", "--question", "Shall we erase all of it, or one call?")
    s.letter("clarification")
    yield "2028-07-28"
    s.do("clarified", "--answer", "All of it.")
    s.search()
    s.do("decide", "--grant")
    s.fulfil("--yes", "--told")


@told
def erasure_of_one_call(s: Story) -> Days:
    """Erasure of one call of two, as the person asked."""
    yield "2028-06-09"
    s.open("erasure", "email", name="Zoe Marsh", contact="zoe@example.invalid", number=spelled(26))
    s.do("verify-identity", "--checked", "answers to two questions about our calls")
    s.search("--call", "call-rec-26-0")
    s.do("decide", "--grant")
    s.fulfil("--yes", "--told")


@told
def erasure_of_nothing(s: Story) -> Days:
    """Erasure, by somebody of whom nothing is held but what they ask."""
    yield "2028-06-12"
    s.open("erasure", "web", name="Abe Frost", contact="abe@example.invalid", number=spelled(27))
    s.proven()
    s.do("decide", "--grant")
    s.fulfil("--yes", "--told")


@told
def erasure_withdrawn(s: Story) -> Days:
    """Erasure that is taken back before it was decided."""
    yield "2028-06-13"
    s.open("erasure", "email", name="Bea Lowe", contact="bea@example.invalid", number=spelled(28))
    s.letter("acknowledgement")
    yield "2028-06-16"
    s.do("withdraw", "--reason", "A copy is enough.")


@told
def erasure_of_what_is_locked(s: Story) -> Days:
    """Erasure that a restriction stops: at the end of the year the restriction still stands, and it is partly done."""
    yield "2028-06-14"
    s.hold("--recording", "rec-29-0", "--reason", "contested", "--reference", "DSR-2027-0099", "--restriction")
    s.open("erasure", "post", name="Cleo Hart", contact="3 Ash Close\nWells", number=spelled(29))
    s.proven()
    s.do("decide", "--grant")
    yield "2028-06-20"
    s.fulfil("--yes")
    s.do("told", "person")
    s.do("told", "authority", "--reference", "IC-100029-A1B2")


# --- objection, restriction, complaint ----------------------------------------------------------------------------


@told
def objection_as_it_should_be(s: Story) -> Days:
    """An objection by e-mail: it holds from the next call, and is confirmed."""
    yield "2028-03-06"
    s.open("objection", "email", name="Dora Finch", contact="dora@example.invalid", number=spelled(30))
    s.letter("acknowledgement")
    s.letter("confirmation")
    s.do("told", "person")


@told
def objection_for_two_numbers(s: Story) -> Days:
    """An objection by phone, for two numbers, by somebody who says no name."""
    yield "2028-03-07"
    s.open("objection", "phone", "--number", "01632 960131", contact="4 Dale View\nRipon", number=spelled(31))
    s.letter("confirmation")
    s.do("told", "person")


@told
def objection_told_on_easter_monday(s: Story) -> Days:
    """An objection on Good Friday; a public holiday stops nothing, and it is confirmed on Easter Monday."""
    yield "2028-04-14"
    s.open("objection", "web", name="Ed Vale", contact="ed@example.invalid", number=spelled(32))
    yield "2028-04-17"
    s.letter("confirmation")
    s.do("told", "person")


@told
def objection_confirmed_late(s: Story) -> Days:
    """An objection that held at once, and of which the person heard after 34 days only."""
    yield "2028-08-01"
    s.open("objection", "email", name="Flo Birch", contact="flo@example.invalid", number=spelled(33))
    yield "2028-09-04"
    s.letter("confirmation")
    s.do("told", "person")


@told
def restriction_with_a_recipient(s: Story) -> Days:
    """A restriction of what an auditor was given: it is locked, and they are told."""
    yield "2028-09-01"
    s.open("restriction", "email", name="Gil Peck", contact="gil@example.invalid", number=spelled(34))
    s.letter("acknowledgement")
    s.do("decide", "--grant")
    s.letter("confirmation")
    s.letter("recipient", "--to", "auditor@example.invalid")
    s.do("told", "recipient", "--how", "mail", "--reference", "mail 18")
    s.do("told", "person")


@told
def restriction_without_a_number(s: Story) -> Days:
    """A restriction by somebody who says no number: it is asked for, and then it is locked."""
    yield "2028-09-05"
    s.open("restriction", "post", name="Hal Iden", contact="8 Fold Lane\nBury")
    s.letter("acknowledgement")
    s.do("decide", "--grant", code=2)
    yield "2028-09-12"
    s.do("verify-identity", "--checked", "called back", "--number", spelled(35))
    s.do("decide", "--grant")
    s.letter("confirmation")
    s.do("told", "person")


@told
def restriction_refused(s: Story) -> Days:
    """A restriction that is refused as unfounded."""
    yield "2028-09-06"
    s.open("restriction", "email", name="Ida Moss", contact="ida@example.invalid", number=spelled(36))
    yield "2028-09-20"
    s.refuse("manifestly_unfounded", "It is the fourth of its kind since July, and names nothing that is contested.")
    s.do("told", "person")
    s.do("told", "authority", "--reference", "IC-100036-A1B2")


STOP = ("--calls", "stop")
RESUME = ("--calls", "resume")


@told
def complaint_as_it_should_be(s: Story) -> Days:
    """A complaint, acknowledged on the thirtieth day, that of its receipt counted, and answered within the month."""
    yield "2028-10-02"
    s.open("complaint", "post", name="Jude Nash", contact="6 Mint Yard\nDeal", number=spelled(37))
    yield "2028-10-31"
    s.letter("acknowledgement")
    s.do("acknowledge")
    yield "2028-11-01"
    s.do("decide", "--grant", "--reasons", "We called you by mistake: our list had an old number.", *STOP)
    s.letter("response")
    s.do("told", "person")


@told
def complaint_acknowledged_late(s: Story) -> Days:
    """A complaint that is acknowledged on the thirty-first day: a day late, whatever comes after."""
    yield "2028-10-03"
    s.open("complaint", "email", name="Kim Oaks", contact="kim@example.invalid", number=spelled(38))
    yield "2028-11-02"
    s.letter("acknowledgement")
    s.do("acknowledge")
    s.do(
        "decide", "--grant", "--reasons", "The call was at 21:40. That is outside our hours, and we apologise.", *RESUME
    )
    s.letter("response")
    s.do("told", "person")


@told
def complaint_that_takes_time(s: Story) -> Days:
    """A complaint that takes longer than a month, of which the person is told."""
    yield "2028-09-01"
    s.open("complaint", "email", name="Lou Platt", contact="lou@example.invalid", number=spelled(39))
    s.letter("acknowledgement")
    s.do("acknowledge")
    yield "2028-09-28"
    s.do("extend", "--reasons", "We wait for what our carrier says about the calls.")
    s.letter("extension")
    yield "2028-10-20"
    s.letter("progress", "--note", "The carrier has told us that the calls came from abroad. We ask them from where.")
    yield "2028-10-30"
    s.do("decide", "--grant", "--reasons", "Somebody else used our number. We have reported it.", *RESUME)
    s.letter("response")
    s.do("told", "person")


@told
def complaint_not_upheld(s: Story) -> Days:
    """A complaint that is not upheld."""
    yield "2028-11-06"
    s.open("complaint", "email", name="May Quirk", contact="may@example.invalid", number=spelled(40))
    s.letter("acknowledgement")
    s.do("acknowledge")
    yield "2028-11-20"
    s.refuse(
        "manifestly_unfounded", "We have never called this number: no attempt to call it is in our records.", *RESUME
    )
    s.do("told", "person")
    s.do("told", "authority", "--reference", "IC-100040-A1B2")


# --- rectification ------------------------------------------------------------------------------------------------


@told
def rectification_of_a_wrong_name(s: Story) -> Days:
    """A rectification: the name that was noted with a call is wrong. What is right stands beside it, and the auditor
    who holds the recording is told."""
    yield "2028-12-04"
    about = ("--about", "you have my name wrong")
    s.open("rectification", "email", *about, name="Nia Rees", contact="nia@example.invalid", number=spelled(41))
    s.letter("acknowledgement")
    yield "2028-12-07"
    s.do("decide", "--grant")
    s.do("told", "person", code=3)
    s.do("rectify", "--statement", "The name is Nia Rees, not Mia Reece.", "--record", "rec-41-0")
    s.fulfil("--told")
    s.letter("recipient", "--to", "audit@example.invalid")
    s.do("told", "recipient", "--how", "mail", "--reference", "message 41")


@told
def rectification_of_what_is_right(s: Story) -> Days:
    """A rectification that is refused: the time of the call is as the log has it."""
    yield "2028-12-05"
    s.open("rectification", "post", name="Owen Shaw", contact="8 Long Row\nLeek", number=spelled(42))
    s.letter("acknowledgement")
    yield "2028-12-12"
    s.refuse(
        "accurate", "You say that we rang at 22:00. No call to this number is in our log, at that time or another."
    )
    s.do("told", "person")
    s.do("told", "authority", "--reference", "IC-100042-A1B2")
