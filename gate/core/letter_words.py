"""Every sentence of the letters about requests, and what each rests on.

A sentence has a name, a text with ``{fields}``, and its grounds: kinds of facts (a tuple: at least one of them), or a
source that is no fact, such as a law or a key of the configuration. A field brings the grounds of its own
(``letters.FIELDS``). ``needs`` and ``never`` name facts (fields of ``LetterFacts``) that have to be so, and that
contradict it. ``letters`` makes no sentence whose grounds are missing or contradicted.

The words are for the public: "we" and "you", the active voice, at most 25 words, no law where it helps nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gate.core.facts import Body
from gate.core.facts.lists import Consent, ConsentWithdrawn, Objection
from gate.core.facts.recordings import CopyMade
from gate.core.facts.requests import (
    Carried,
    Carrying,
    ClarificationAsked,
    Extended,
    Granted,
    IdentityAsked,
    LetterMade,
    LineHeld,
    Opened,
    PackMade,
    Rectified,
    Refused,
    Searched,
)
from gate.core.facts.retention import Hold

Rest = type[Body] | tuple[type[Body], ...] | str

POLICY: Final = "policy: the firm's own rules about requests"
GDPR: Final = "law: UK GDPR Article "
DPA: Final = "law: Data Protection Act 2018 "


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence as it is worded."""

    text: str
    rests: tuple[Rest, ...] = ()
    needs: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


def _s(text: str, *rests: Rest, needs: str = "", never: str = "") -> Words:
    return Words(text, rests, tuple(needs.split()), tuple(never.split()))


_REPLY: Final = GDPR + "12(3)"
_WHO: Final = GDPR + "12(6)"
_TELL: Final = GDPR + "19"

WORDS: Final[Mapping[str, Words]] = {
    # --- the subject, and the salutation
    "subject.acknowledgement": _s("We have received your {matter}"),
    "subject.writing": _s("Please confirm in writing: your {matter}"),
    "subject.identity": _s("Please show us who you are: your {matter}"),
    "subject.clarification": _s("A question about your {matter}", ClarificationAsked),
    "subject.extension": _s("We need more time for your {matter}", Extended),
    "subject.progress": _s("How far we are with your {matter}"),
    "subject.withdrawal": _s("You withdrew your consent to our calls", ConsentWithdrawn),
    "subject.response": _s("Our answer to your {matter}"),
    "subject.done": _s("We have done what you asked: your {matter}", never="partly"),
    "subject.partly": _s("We have done part of what you asked: your {matter}", Carried, needs="partly"),
    "subject.kept": _s("We cannot erase this yet: your {matter}", Carried, needs="partly", never="went"),
    "subject.refusal": _s("Our decision on your {matter}", Refused),
    "subject.authority": _s("Notification by {firm}: we refused a request from a person", Refused),
    "subject.authority.partly": _s(
        "Notification by {firm}: we refused part of a request from a person", Carried, needs="partly"
    ),
    "subject.authority.complaint": _s("Notification by {firm}: we did not uphold a complaint", Refused),
    "subject.recipient.erasure": _s("Please erase personal data that we gave you", Carried),
    "subject.recipient.restriction": _s("Please stop using personal data that we gave you", Granted),
    "subject.recipient.rectification": _s("Please correct personal data that we gave you", Rectified),
    "dear.name": _s("Dear {name},"),
    "dear.nobody": _s("Dear Sir or Madam,", (Opened, ConsentWithdrawn)),
    # --- what came, and when we answer
    "received": _s("Your {noun} reached us on **{received}**."),
    "about": _s("It is about {numbers}."),
    "late": _s("We should have replied by {due}, and we are sorry that we did not.", needs="late"),
    "late.soon": _s("We will reply as soon as we can.", POLICY, needs="late"),
    "due": _s("We will reply by **{due}** at the latest.", _REPLY, never="late"),
    "due.law": _s("The law would give us until {ico_due}, but our own rule is stricter.", _REPLY, POLICY, never="late"),
    "due.complaint": _s("We will write to you with the result by **{due}** at the latest.", POLICY, never="late"),
    "free": _s("You do not have to pay for this.", GDPR + "12(5)"),
    # --- acknowledgement
    "ack.number": _s(
        "To find your calls, we need **the phone number** on which we called you.", Opened, never="numbers"
    ),
    "ack.number.tell": _s("Please tell us the number.", Opened, never="numbers"),
    "ack.when": _s("Please also tell us **the day and time** of the call, if you know them.", Opened),
    "ack.one_call": _s("If you mean one particular call, please tell us its day and time.", Opened),
    "ack.the_call": _s("If it is about one particular call, please tell us its day and time.", Opened),
    "ack.all_calls": _s("Otherwise we will search for all our calls to {your_number}.", POLICY),
    "ack.may_ask": _s(
        "If we need to check who you are, or what you want, we will write to you soon.", _WHO, never="identified"
    ),
    "ack.may_move": _s("That can change the date of our reply, and we will tell you if it does.", _WHO, _REPLY),
    "ack.who": _s("Before we can deal with your request, we must be sure who you are.", IdentityAsked, _WHO),
    "ack.who.letter": _s("We are writing to you about that separately.", IdentityAsked),
    "ack.who.clock": _s("Our time to reply starts when we have your answer.", IdentityAsked, DPA + "s.54"),
    "ack.complaint": _s(
        "This letter is our acknowledgement, which the law asks us to send within 30 days.", DPA + "s.164A"
    ),
    "ack.complaint.late": _s("We took longer than that, and we are sorry.", Opened, needs="acknowledged_late"),
    "ack.complaint.look": _s("We are looking into it.", Opened),
    "ack.complaint.news": _s("If that takes a while, we will tell you how it is going.", DPA + "s.164A(4)"),
    "paused": _s(
        "While your complaint is open, we will not call {numbers} for marketing.", Opened, POLICY, needs="complaint"
    ),
    # --- how it is going with a complaint
    "progress.open": _s("We are still looking into it, and we have not decided yet.", Opened, never="decided"),
    "progress.done": _s("This is what we have done so far:", Opened, never="decided"),
    # --- a consent that was withdrawn
    "withdrawal": _s("**You withdrew your consent to our calls to {numbers}.**", ConsentWithdrawn),
    "withdrawal.given": _s("You had given it on {given_on}.", Consent),
    "withdrawal.told": _s("You told us on {told_on}.", ConsentWithdrawn, needs="told_on"),
    "withdrawal.since": _s(
        "We stopped marketing calls to you on **{stopped_on}**.", ConsentWithdrawn, never="agreed_again"
    ),
    "withdrawal.late": _s(
        "That was later than it should have been, and we are sorry.",
        ConsentWithdrawn,
        needs="told_on",
        never="agreed_again",
    ),
    "withdrawal.until": _s(
        "We will not start again unless you tell us that we may.", ConsentWithdrawn, never="agreed_again"
    ),
    "withdrawal.service": _s(
        "We may still call you about something that you have with us, such as an appointment.",
        "law: PECR 2003 regulation 21 (marketing calls alone)",
        never="all_calls",
    ),
    "withdrawal.ask": _s("If you do not want those calls either, please tell us.", POLICY, never="all_calls"),
    "withdrawal.keep": _s(
        "We keep a note of your consent and of its end, to show how we dealt with them.",
        Consent,
        ConsentWithdrawn,
        GDPR + "5(2)",
    ),
    # --- objections
    "stopped.marketing": _s(
        "**We stopped marketing calls to {numbers}** on {stopped}.", Objection, never="all_calls objection_ended"
    ),
    "stopped.all": _s(
        "**We stopped all calls to {numbers}** on {stopped}.", Objection, needs="all_calls", never="objection_ended"
    ),
    "stopped.late": _s(
        "That was later than it should have been, and we are sorry.", Opened, Objection, needs="stopped_late"
    ),
    "stopped.no_reason": _s("You do not need to give a reason or do anything else.", GDPR + "21(3)"),
    "stopped.until": _s("We will not start again unless you tell us that we may.", Objection, never="objection_ended"),
    "stopped.list": _s("To make sure of that, we keep {your_number} on our list of people not to call.", Objection),
    "stopped.use": _s("We use that entry for nothing else.", POLICY),
    "stopped.which": _s(
        "Please tell us **the phone number**, so that we can stop calling it.", Opened, never="numbers"
    ),
    # --- an erasure that was asked for by word of mouth
    "writing.phoned": _s("On **{received}** you phoned us and asked us to erase your personal data.", needs="phoned"),
    "writing.spoke": _s("On **{received}** you spoke to us and asked us to erase your personal data.", never="phoned"),
    "writing.counts": _s("That counts as a request, and our time to reply has started.", _REPLY),
    "writing.why": _s("Nobody can undo an erasure.", POLICY),
    "writing.please": _s("To avoid a mistake, please confirm your request in writing:", POLICY),
    "writing.post": _s("Write to us at the address above.", "configuration: firm.address"),
    "writing.email": _s("Write to us at the address above, or email {email}."),
    "writing.quote": _s("Quote our reference, {reference}."),
    "writing.what": _s(
        "Tell us the phone numbers, and what we should erase: everything, or certain calls only.", POLICY
    ),
    "writing.or": _s("If you cannot write, or would rather not, please tell us.", POLICY),
    "writing.spoken": _s("We will then go by what you said.", GDPR + "12(2)"),
    # --- identity
    "identity.private": _s("Recordings and records of your calls are private.", GDPR + "5(1)(f)"),
    "identity.sure": _s(
        "Before we show or erase anything, we must be sure that we are dealing with you.", IdentityAsked, _WHO
    ),
    "identity.send": _s("Please send us this, or tell us:", IdentityAsked),
    "identity.choose": _s("Please choose one of these:", IdentityAsked),
    "identity.call": _s("We call you back on the number that your request is about.", POLICY),
    "identity.answers": _s("You answer a few questions about our calls to you.", POLICY),
    "identity.document": _s(
        "You show us a document with your name and address, and cover up everything else on it.", POLICY
    ),
    "identity.copies": _s("Please do not send originals.", POLICY),
    "identity.note": _s("We note what we looked at, when, and who looked.", GDPR + "5(2)"),
    "identity.keep": _s("We do not keep the document or a copy of it.", GDPR + "5(1)(c)"),
    "identity.clock": _s(
        "**Our time to reply starts on the day when we have this from you.**", IdentityAsked, DPA + "s.54", never="due"
    ),
    "identity.days": _s(
        "We then reply within 30 days, or within one month if that is shorter.", _REPLY, POLICY, never="due"
    ),
    "identity.runs": _s(
        "Our time to reply has already started, and does not stop while we wait for you.",
        IdentityAsked,
        _REPLY,
        needs="due",
    ),
    "identity.due": _s("If you answer in time, we will reply by **{due}** at the latest.", _REPLY, never="late"),
    "identity.else": _s("If we cannot be sure who you are, we cannot do what you ask.", GDPR + "12(2)"),
    "identity.write": _s("We would then write to you and say so.", GDPR + "12(4)"),
    # --- a question
    "clarification.ask": _s(
        "To find what you want, we need to ask you something:", ClarificationAsked, needs="reasons"
    ),
    "clarification.stops": _s("**Our time to reply stopped on {paused}.**", ClarificationAsked, GDPR + "12A"),
    "clarification.goes_on": _s("It starts again on the day when we have your answer.", GDPR + "12A"),
    "clarification.runs": _s("Our time to reply goes on while we wait.", ClarificationAsked),
    "clarification.or": _s("If you would rather not say more, please tell us.", POLICY),
    "clarification.then": _s("We will then do what we can with what we know.", POLICY),
    # --- more time
    "extension.month": _s("We cannot reply within a month.", Extended, never="complaint"),
    "extension.law": _s(
        "The law allows us two more months for a request that is complex, or one of several from the same person.",
        _REPLY,
    ),
    "extension.complaint": _s("We need longer to look into it than we expected.", Extended, needs="complaint"),
    "extension.reasons": _s("These are our reasons:", Extended, needs="reasons"),
    # --- the answer to an access request
    "search": _s(
        "On **{searched}** we searched our call records, our recordings and our lists for {numbers}.", Searched
    ),
    "search.all": _s(
        "We searched every date, and every way of writing the number.", Searched, never="narrowed line_held"
    ),
    "search.theirs": _s(
        "We searched the time in which the number was yours, and every way of writing it.",
        Searched,
        LineHeld,
        needs="line_held",
        never="narrowed",
    ),
    "search.since": _s(
        "As we have it, {your_number} has been yours since {line_since}.",
        LineHeld,
        needs="line_since",
        never="narrowed",
    ),
    "search.since.ask": _s("If you had it earlier, please tell us.", LineHeld, needs="line_since", never="narrowed"),
    "search.some": _s("We searched for the calls that you named.", Searched, needs="narrowed"),
    "search.outside": _s("We also hold {outside} at other times.", Searched, needs="outside"),
    "search.outside.ask": _s("If you want to know about those too, please tell us.", Searched, needs="outside"),
    "found": _s("We found **{found}**.", Searched, never="nothing"),
    "found.for_others": _s(
        "We made {found_for_others} on behalf of **{instigators}**.", Searched, needs="found_for_others instigators"
    ),
    "found.erased": _s(
        "We had already erased {erased} of calls with you, and nobody can play what we erased.",
        Searched,
        needs="erased_recordings",
    ),
    "pack.heading": _s("The file", PackMade),
    "pack.all": _s("Everything that we found is in the file **{pack}**.", PackMade, never="held_back"),
    "pack.some": _s("What we can show you is in the file **{pack}**.", PackMade, needs="held_back"),
    "pack.in_it": _s(
        "It lists each call, says why we made or stopped it, and shows the entries in our lists.", PackMade
    ),
    "pack.recordings": _s("You can listen to the recordings there.", PackMade, needs="found_recordings"),
    "pack.notice": _s(
        "It also explains why we use your data, who gets it, how long we keep it and where it comes from.", PackMade
    ),
    "pack.where": _s("The file comes with this letter, or separately: if you do not have it, please ask us.", POLICY),
    "pack.open": _s("Save it on your computer and open it in a web browser.", PackMade),
    "pack.offline": _s("It works without the internet and sends nothing to anybody.", PackMade),
    "pack.passphrase": _s(
        "You need a passphrase to open it: we will give it to you in another way, never with the file.",
        PackMade,
        POLICY,
    ),
    "pack.save": _s(
        "You can read, listen, print and save: a copy that you save has no protection, so keep it safe.", PackMade
    ),
    "nothing": _s(
        "**We hold nothing about you in connection with {numbers}.**",
        Searched,
        needs="nothing numbers",
        never="found_calls found_recordings found_entries outside pack",
    ),
    "nothing.kinds": _s(
        "We found no calls, attempts to call, recordings, objections, consents, contact details, legal holds or "
        "earlier requests.",
        Searched,
        needs="nothing",
        never="found_calls found_recordings found_entries outside pack",
    ),
    "nothing.record": _s("We do keep a record of this request, to show how we dealt with it.", Opened),
    "nothing.other": _s("If we called you on another number, please tell us which one, and when.", POLICY),
    "left_out.heading": _s("What we have left out", PackMade),
    "left_out": _s("We hold something that we cannot show you. This is what, and why:", PackMade, needs="held_back"),
    "rights.heading": _s("Your rights", GDPR + "15(1)(e)"),
    "rights.data": _s("You can ask us to correct or erase your data, or to stop using it.", GDPR + "15(1)(e)"),
    "rights.object": _s("You can object to our marketing calls at any time, and we will then stop them.", GDPR + "21"),
    # --- the answer to a complaint
    "complaint.looked": _s("We have looked into it.", Granted),
    "complaint.result": _s("This is the result:", Granted, needs="answer"),
    "complaint.stopped": _s(
        "**We will not call {numbers} for marketing again**, unless you tell us that we may.",
        Objection,
        needs="complaint",
        never="objection_ended",
    ),
    "complaint.resumed": _s(
        "From now on we may call {numbers} for marketing again: if you do not want that, please tell us.",
        (Granted, Refused),
        needs="resumed",
        never="stopped",
    ),
    # --- an erasure that was carried out
    "erased.all": _s(
        "**We have erased the personal data that you asked us to erase.**",
        Carried,
        needs="went",
        never="partly narrowed",
    ),
    "erased.completed": _s("That includes what we told you we had to keep for a time.", Carried, needs="completed"),
    "erased.calls": _s(
        "**We have erased the calls that you named, and nothing else.**", Carried, needs="narrowed", never="partly"
    ),
    "erased.outside": _s(
        "We still hold {outside} with {your_number}, because you asked about certain calls only.",
        Searched,
        needs="narrowed outside",
    ),
    "erased.outside.ask": _s("If you want us to erase that too, please tell us.", POLICY),
    "erased.part": _s(
        "**We have erased part of what you asked us to erase, and must keep the rest for now.**",
        Carried,
        needs="partly went",
    ),
    "erased.part.why": _s("We explain why below.", Carried, needs="partly"),
    "erased.recordings": _s(
        "We destroyed the keys of {gone} and deleted the sound, so nobody can play it again.",
        Carried,
        needs="erased_recordings",
    ),
    "erased.no_recordings": _s("There was no recording that we could erase.", Carried, never="erased_recordings"),
    "erased.nothing": _s(
        "**We hold nothing about you that we could erase, except this request.**", Carried, never="went partly"
    ),
    "erased.not_yet": _s(
        "**We must keep what you asked us to erase for now, and explain why below.**",
        Carried,
        needs="partly",
        never="went",
    ),
    "erased.details": _s(
        "We removed your phone number and your other details from our call records and lists.",
        Carried,
        needs="went",
        never="partly narrowed",
    ),
    "erased.details.part": _s(
        "We removed your phone number and your other details from the records that we do not have to keep.",
        Carried,
        needs="partly went",
    ),
    "erased.details.calls": _s(
        "We removed your phone number and your other details from our records of these calls.",
        Carried,
        needs="narrowed",
    ),
    "backups": _s("Our backup copies may hold what we erased until newer ones replace them.", Carried, needs="went"),
    "backups.until": _s(
        "They may hold the recordings, still encrypted, and their keys, until **{backups_until}** at the latest.",
        Carried,
        needs="erased_recordings",
    ),
    "backups.use": _s("We use backups only to recover from a disaster.", POLICY),
    "backups.again": _s(
        "If we ever do, the system erases your data again first.", "configuration: storage.memory", needs="erased_again"
    ),
    "backups.by_hand": _s("If we ever do, we erase your data again by hand.", POLICY, never="erased_again"),
    "kept.heading": _s("What we keep", Carried),
    "kept.code": _s(
        "A code that we made from your number with a secret key, so that we do not call you again.",
        Objection,
        never="narrowed partly objection_ended",
    ),
    "kept.code.what": _s("Nobody can read your number from it.", Objection),
    "kept.number": _s("Your number on our list of people not to call.", Objection, never="objection_ended"),
    "kept.note": _s("A note of this request and of what we did, to show how we dealt with it.", Opened),
    "kept.forget": _s(
        "We will erase your name and contact details from it when you have this letter.", POLICY, never="partly"
    ),
    "stays.heading": _s("What we must keep for now, and why", Carried),
    "stays": _s("We must keep {kept_of} for now.", Carried, needs="partly"),
    "stays.refused": _s("To that extent we refuse your request, but it stays open.", Carried, needs="partly"),
    "stays.later": _s(
        "When the reason ends, we will erase this too and write to you: you do not need to ask again.",
        POLICY,
        needs="partly",
    ),
    "stays.authority": _s(
        "Our policy is to tell {authority} about this part and our reasons, without your name.", POLICY
    ),
    # --- who got the data
    "given.heading": _s("Who else had this data", (Carrying, Granted, Rectified)),
    "given": _s("We gave this data, or part of it, to:", (Carrying, Granted, Rectified), needs="recipients"),
    "given.one": _s("{line}", (Carrying, Granted, Rectified), needs="recipients"),
    "given.erased": _s(
        "We will tell them that we have erased it, unless that is impossible or takes too much effort.",
        _TELL,
        Carried,
        needs="recipients",
    ),
    "given.restricted": _s(
        "We will tell them to stop using it, unless that is impossible or takes too much effort.",
        _TELL,
        Granted,
        needs="recipients",
    ),
    "given.rectified": _s(
        "We will tell them what is right, unless that is impossible or takes too much effort.",
        _TELL,
        Rectified,
        needs="recipients",
    ),
    "given.you": _s("Before, we gave you or somebody acting for you {own_copy}.", Carrying, needs="own_copies"),
    "given.nobody": _s(
        "As far as our log shows, we gave it to nobody else.", (Carrying, Granted, Rectified), never="recipients copies"
    ),
    "copies": _s("We made copies of it before, and have not destroyed these yet:", CopyMade, needs="copies"),
    "copies.one": _s("{line}", CopyMade, needs="copies"),
    "copies.why": _s("Our system cannot reach them, so we destroy each of them by hand.", POLICY, needs="copies"),
    # --- restriction
    "locked": _s(
        "**We keep what we hold about {numbers}, but we no longer use it.**", Granted, Hold, never="restriction_ended"
    ),
    "locked.not": _s(
        "We do not play it, pass it on or erase it unless you agree.", Hold, GDPR + "18(2)", never="restriction_ended"
    ),
    "locked.except": _s("The law makes exceptions for legal claims, and to protect other people.", GDPR + "18(2)"),
    "locked.lift": _s("We will tell you before we use it again.", GDPR + "18(3)"),
    "locked.calls": _s("Until then we will not call you for marketing.", Hold, never="restriction_ended"),
    # --- rectification
    "right": _s("**We have put right what was wrong.**", Rectified, needs="statements"),
    "right.now": _s("This is what we keep now:", Rectified, needs="statements"),
    "right.beside": _s("We keep it with {beside}.", Rectified, needs="beside"),
    "right.evidence": _s("Our recordings and our log are evidence, so we never rewrite them.", POLICY),
    "right.shown": _s("Anybody who opens the record, or gets it from us, will see your correction with it.", Rectified),
    # --- refusal
    "refused": _s("**We have decided not to do what you asked.**", Refused, never="complaint"),
    "refused.complaint": _s(
        "We have looked into it, and **we do not agree with your complaint**.", Refused, needs="complaint"
    ),
    "why.heading": _s("Why", (Refused, Carried)),
    "concerns": _s("This is what our decision is about:", (Refused, Carried), needs="held_back"),
    "still.prove": _s(
        "You can still show us who you are, and we will then deal with your request.", Refused, needs="unproven"
    ),
    "again": _s("If you think that we are wrong, please write to us, and we will look at it again.", POLICY),
    "authority.told": _s(
        "Our policy is to tell {authority} about our decision and our reasons, without your name.",
        POLICY,
        needs="erasure",
    ),
    "reasons": _s("These are our reasons:", Refused),
    "remark": _s("We also want to tell you this:", Granted),
    "authority.told.other": _s(
        "We will also tell {authority} about our decision and our reasons, without your name.", Refused, never="erasure"
    ),
    # --- grounds
    "ground.legal_obligation": _s(
        "The law requires us to keep this data (Article 17(3)(b) of the UK GDPR).", Refused, GDPR + "17(3)(b)"
    ),
    "ground.legal_claims": _s(
        "We need this data for a legal claim (Article 17(3)(e) of the UK GDPR).", Refused, GDPR + "17(3)(e)"
    ),
    "ground.contract": _s(
        "We still need this data for our contract with you (Articles 6(1)(b) and 17(1)(a) of the UK GDPR).",
        Refused,
        GDPR + "17(1)(a)",
    ),
    "ground.contract.authority": _s(
        "We still need this data for our contract with the person (Articles 6(1)(b) and 17(1)(a) of the UK GDPR).",
        Refused,
        GDPR + "17(1)(a)",
    ),
    "ground.protection_of_a_party": _s(
        "We need this data to protect the rights of somebody who took part in the calls (Article 17(3)(e) "
        "of the UK GDPR).",
        Refused,
        POLICY,
    ),
    "ground.rights_of_others": _s(
        "Erasing this data would harm the rights of other people (Article 17(3) of the UK GDPR).",
        Refused,
        GDPR + "17(3)",
    ),
    "ground.manifestly_unfounded": _s(
        "In our view the request is clearly unfounded or excessive (Article 12(5) of the UK GDPR).",
        Refused,
        GDPR + "12(5)",
    ),
    "ground.manifestly_unfounded.why": _s(
        "The law asks us to show why, and these are our reasons:", GDPR + "12(5)", needs="reasons"
    ),
    "ground.accurate": _s(
        "We checked what we hold: it is accurate and complete (Article 16 of the UK GDPR).", Refused, GDPR + "16"
    ),
    "ground.identity_not_proven": _s(
        "We cannot be sure who you are (Article 12(2) and (6) of the UK GDPR).", Refused, _WHO, never="identified"
    ),
    "ground.identity_not_proven.authority": _s(
        "We cannot be sure who is asking (Article 12(2) and (6) of the UK GDPR).", Refused, _WHO, never="identified"
    ),
    "ground.identity_not_proven.asked.authority": _s(
        "On {identity_asked} we asked the person to show us who they are.", IdentityAsked
    ),
    "ground.identity_not_proven.asked": _s("On {identity_asked} we asked you to show us.", IdentityAsked),
    "ground.identity_not_proven.why": _s(
        "We must not show your calls to somebody else, or erase them for somebody else.", GDPR + "5(1)(f)"
    ),
    "ground.cannot_identify": _s(
        "We cannot tell which data is about you (Article 11(2) of the UK GDPR).",
        Refused,
        GDPR + "11(2)",
        never="identified",
    ),
    "ground.cannot_identify.authority": _s(
        "We cannot tell which data is about the person (Article 11(2) of the UK GDPR).",
        Refused,
        GDPR + "11(2)",
        never="identified",
    ),
    "ground.representative": _s(
        "You ask for somebody else, and we have not seen that you may (Article 12(6) of the UK GDPR).",
        Refused,
        GDPR + "12(6)",
        never="identified",
    ),
    "ground.representative.authority": _s(
        "Somebody asks for another person, and we have not seen that they may (Article 12(6) of the UK GDPR).",
        Refused,
        GDPR + "12(6)",
        never="identified",
    ),
    "ground.not_living": _s(
        "The person has died, and the law on personal data covers living people (recital 27 of the UK GDPR).",
        Refused,
        GDPR + "recital 27",
    ),
    "ground.fee": _s(
        "In our view the request is clearly unfounded or excessive, and you have not paid our fee (Article 12(5) of "
        "the UK GDPR).",
        Refused,
        GDPR + "12(5)",
    ),
    "ground.fee.authority": _s(
        "In our view the request is clearly unfounded or excessive, and the person has not paid our fee (Article 12(5) "
        "of the UK GDPR).",
        Refused,
        GDPR + "12(5)",
    ),
    "ground.access.legal_obligation": _s(
        "The law does not let us show you this data (Schedule 2 to the Data Protection Act 2018).",
        Refused,
        DPA + "Sch.2",
    ),
    "ground.access.legal_claims": _s(
        "This data is confidential between us and our lawyers (Schedule 2, paragraph 19 of the Data "
        "Protection Act 2018).",
        Refused,
        DPA + "Sch.2 para.19",
    ),
    "ground.access.protection_of_a_party": _s(
        "Showing this data would harm the rights of somebody who took part in the calls (Article 15(4) of "
        "the UK GDPR).",
        Refused,
        GDPR + "15(4)",
    ),
    "ground.access.rights_of_others": _s(
        "Showing this data would harm the rights of other people (Article 15(4) of the UK GDPR).",
        Refused,
        GDPR + "15(4)",
    ),
    "ground.restriction.legal_obligation": _s(
        "The law requires us to use this data, and none of the reasons to restrict it applies (Article "
        "18(1) of the UK GDPR).",
        Refused,
        GDPR + "18(1)",
    ),
    "ground.restriction.legal_claims": _s(
        "We need to use this data for a legal claim (Article 18(2) of the UK GDPR).", Refused, GDPR + "18(2)"
    ),
    "ground.restriction.contract": _s(
        "We need this data for our contract, and none of the reasons to restrict it applies (Article 18(1) "
        "of the UK GDPR).",
        Refused,
        GDPR + "18(1)",
    ),
    "ground.restriction.protection_of_a_party": _s(
        "We must use this data to protect somebody who took part in the calls (Article 18(2) of the UK GDPR).",
        Refused,
        GDPR + "18(2)",
    ),
    "ground.restriction.rights_of_others": _s(
        "We must use this data to protect the rights of another person (Article 18(2) of the UK GDPR).",
        Refused,
        GDPR + "18(2)",
    ),
    "hold.claim": _s(
        "We need it for a legal claim{case}, and keep it until that ends (Article 17(3)(e) of the UK GDPR).",
        Hold,
        GDPR + "17(3)(e)",
    ),
    "hold.legal_obligation": _s(
        "The law requires us to keep it{case}: {law} (Article 17(3)(b) of the UK GDPR).", Hold, GDPR + "17(3)(b)"
    ),
    "hold.investigation": _s(
        "{law} is investigating, and we must keep it for that{case} (Article 17(3)(b) of the UK GDPR).",
        Hold,
        GDPR + "17(3)(b)",
    ),
    "hold.restriction": _s(
        "Somebody else asked us not to use it, and erasing it would be a use (Article 18 of the UK GDPR).",
        Hold,
        GDPR + "18",
    ),
    "hold.elsewhere.authority": _s(
        "The person's number also appears in records about somebody else, which we must keep.", Hold
    ),
    "hold.elsewhere": _s("Your number also appears in records about somebody else, which we must keep.", Hold),
    # --- to the authority
    "authority.policy": _s(
        "Our policy is to tell you when we refuse to erase a person's data.", POLICY, needs="erasure"
    ),
    "authority.other": _s(
        "We are telling you that we refused what a person asked of us about their data.", Refused, never="erasure"
    ),
    "authority.complaint": _s(
        "We are telling you that we did not uphold a complaint about our use of a person's data.",
        Refused,
        needs="complaint",
    ),
    "authority.nothing": _s("You do not need to do anything.", POLICY),
    "authority.controller": _s("Controller: {firm}"),
    "authority.reference": _s("Our reference: {reference}"),
    "authority.asked": _s("What it is about: {article}"),
    "authority.received": _s("Received: {received}"),
    "authority.decided": _s("Decided: {decided}"),
    "authority.due": _s("Last day for our reply: {due}"),
    "authority.late": _s("Our reply was late.", Opened, needs="late"),
    "authority.granted": _s(
        "We granted the request, but could carry out only part of it.", Granted, Carried, needs="partly"
    ),
    "authority.granted.nothing": _s(
        "We granted the request, but cannot carry it out yet.", Granted, Carried, needs="partly", never="went"
    ),
    "authority.reasons": _s("This is what we told the person:", (Refused, Carried), needs="reasons"),
    "authority.person": _s(
        "Our letter to the person gives our reasons, and says how to complain to you and go to court.", LetterMade
    ),
    "authority.no_name": _s("We leave out the person's name: if you need it, please ask us.", POLICY),
    # --- to somebody who was given the data
    "recipient.erasure": _s(
        "On {received} somebody asked us to erase personal data about them, and we have erased it.", Carried
    ),
    "recipient.restriction": _s(
        "On {received} somebody asked us to stop using personal data about them, and we have stopped.", Granted
    ),
    "recipient.rectification": _s(
        "On {received} somebody asked us to correct personal data about them, and we have done so.", Rectified
    ),
    "recipient.gave": _s(
        "We had given you some of that data, so the law requires us to tell you (Article 19 of the UK GDPR).", _TELL
    ),
    "recipient.right": _s("What is right", Rectified),
    "recipient.heading": _s("What we gave you", (Carried, Granted, Rectified)),
    "recipient.given": _s("{line}", (Carried, Granted, Rectified)),
    "recipient.names": _s("These are the names in the files that we gave you.", (Carried, Granted, Rectified)),
    "recipient.nobody": _s("We do not say who the person is, because you can find the data without that.", POLICY),
    "recipient.please": _s("What we ask you to do", _TELL),
    "recipient.erase": _s(
        "Please erase all of this, every copy, and anything made from it, such as transcripts.", GDPR + "17"
    ),
    "recipient.erase.law": _s("If the law requires you to keep any of it, please tell us which law.", GDPR + "17(3)"),
    "recipient.erase.bundle": _s(
        "You cannot take one call out of a signed bundle: please stop using the bundle, and erase it when you can.",
        POLICY,
    ),
    "recipient.lock": _s("Please keep this data, but do not open, copy or pass it on.", GDPR + "18(2)"),
    "recipient.lock.except": _s(
        "The law makes exceptions where the person agrees, for legal claims, and to protect other people.",
        GDPR + "18(2)",
    ),
    "recipient.lock.ask": _s("Before you use it again, please ask us whether you may.", POLICY),
    "recipient.correct": _s(
        "Please keep this letter with what you have, and use the data only as we have corrected it.", GDPR + "16"
    ),
    "recipient.pass_on": _s("If you passed it on, please tell those people too.", POLICY),
    "recipient.write": _s(
        "Please write to us when you have done this, or tell us why you cannot: our reference is {reference}.", POLICY
    ),
    # --- how to check the letter
    "proof.heading": _s("How to check this letter", Opened),
    "proof.file": _s(
        "The file **{proof}** comes with this letter: open it in a web browser, without the internet.", Opened
    ),
    "proof.shows": _s("It shows what our signed log says about your request, and that this letter matches it.", Opened),
    "proof.signed": _s("We cannot change that log without anybody noticing.", Opened),
    "proof.key": _s("Please compare the key in the file with this one:", Opened),
    "proof.limits": _s("It cannot show that we looked everywhere, or that we kept no copy.", Opened),
    # --- the right to complain
    "complain.heading": _s("If you are unhappy with this", DPA + "s.164A"),
    "complain.us": _s("Please tell us first, at the address above.", DPA + "s.164A", "configuration: firm.address"),
    "complain.us.email": _s("Please tell us first: write to the address above, or email {email}.", DPA + "s.164A"),
    "complain.dpo": _s("You can also reach our data protection officer: {dpo}."),
    "complain.authority": _s(
        "You can also complain to {authority} at any time, and you can go to court:", GDPR + "77", GDPR + "79"
    ),
}
