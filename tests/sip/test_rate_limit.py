"""How much strangers are answered, and what a guesser of passwords gets: whoever has proven itself loses nothing."""

from __future__ import annotations

from itertools import count

import pytest

from gate.config import Account
from gate.sip.auth import FREE, FREE_EVERYWHERE, LONGEST, MAX_KEPT, SHORTEST, Authenticator, AuthResult, PasswordLockout
from gate.sip.message import parse
from gate.sip.rate_limit import FIRST, MAX_KNOWN, NAMED, PROVEN, RateLimit, RequestKind
from tests.support.clocks import Clock
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import PRESENTED, config_for


@pytest.fixture
def clock():
    return Clock()


def asks(
    table: RateLimit,
    source: tuple[str, int],
    asked: RequestKind = RequestKind.OTHER,
    account: str = "",
    tries: int = 500,
):
    """How many of so many are answered."""
    return sum(table.allow(source, asked, account) for _ in range(tries))


# --- answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", RequestKind)
def test_an_address_a_host_and_all_strangers_have_their_bounds(clock, asked):
    table = RateLimit(monotonic=clock)
    assert asks(table, ("a", 1), asked) == asked.address.burst
    ports = count(2)
    assert sum(table.allow(("a", next(ports)), asked) for _ in range(500)) == asked.host.burst - asked.address.burst
    hosts = count()
    rest = sum(table.allow((f"h{next(hosts)}", 1), asked) for _ in range(5000))
    most = asked.everybody.burst + FIRST[asked].burst
    assert rest == most - asked.host.burst
    assert table.dropped == 6000 - most
    clock.now += 2
    assert asks(table, ("a", 1), asked) == 2 * asked.address.per_second


@pytest.mark.parametrize("asked", RequestKind)
def test_who_asks_for_the_first_time_is_answered_beside_those_who_ask_all_the_time(clock, asked):
    """Two thousand hosts that are never quiet; each second one comes that has not asked before."""
    table = RateLimit(monotonic=clock)
    for second in range(60):
        for n in range(2000):
            table.allow((f"10.{n}", 1), asked)
        clock.now += 1
        if second >= 20:  # those who flood have been seen by then, though hardly any of them was answered
            assert table.allow((f"192.0.2.{second}", 5060), asked)


def test_what_is_asked_for_is_apart(clock):
    """100 OPTIONS a second from a phone's own address: it is challenged all the same."""
    table = RateLimit(monotonic=clock)
    for _ in range(100):
        asks(table, ("a", 5060), RequestKind.OTHER, tries=100)
        clock.now += 1
    assert table.allow(("a", 5060), RequestKind.CHALLENGE)


def test_who_has_proven_itself_is_not_starved_by_its_address(clock):
    known = {("a", 5060)}
    table = RateLimit(known.__contains__, lambda account, host: (account, host) == ("account:alice", "a"), clock)
    for port in range(1, 200):
        asks(table, ("a", port), RequestKind.CHALLENGE, tries=10)
    for host in range(1000):
        table.allow((str(host), 1), RequestKind.CHALLENGE)
    assert not table.allow(("a", 4000), RequestKind.CHALLENGE)
    assert not table.allow(("b", 4000), RequestKind.CHALLENGE)
    assert asks(table, ("a", 5060), RequestKind.CHALLENGE) == PROVEN.burst
    assert asks(table, ("a", 4000), RequestKind.CHALLENGE, "account:alice") == NAMED.burst  # its phone, from a new port
    assert not table.allow(("a", 4000), RequestKind.CHALLENGE, "account:bob")
    assert not table.allow(("b", 4000), RequestKind.CHALLENGE, "account:alice")


def test_the_table_is_bounded(clock):
    table = RateLimit(monotonic=clock)
    for number in range(2 * MAX_KNOWN):
        clock.now += 0.01
        table.allow((str(number), 1))
    assert len(table._rest) == MAX_KNOWN


# --- guesses ------------------------------------------------------------------------------------------------------


def wrong(lockout: PasswordLockout, account: str, host: str, times: int, proven: bool = False) -> int:
    """Guess so often; how many were looked at."""
    looked = 0
    for _ in range(times):
        if not lockout.barred(account, host, proven=proven):
            looked += 1
            lockout.note(account, host, proven=proven)
    return looked


def test_a_guesser_is_locked_for_longer_and_longer(clock):
    lockout = PasswordLockout(clock)
    seconds, looked = 0.0, wrong(lockout, "alice", "a", 100)
    assert looked == FREE
    lock = SHORTEST
    while seconds < 86_400:
        clock.now += lock - 0.1
        assert lockout.barred("alice", "a", proven=False)
        clock.now += 0.1
        assert wrong(lockout, "alice", "a", 100) == FREE
        seconds += lock
        lock, looked = min(2 * lock, LONGEST), looked + FREE
    assert looked < 550  # in a day
    assert not lockout.barred("bob", "a", proven=False)
    assert not lockout.barred("alice", "b", proven=True)


def test_guesses_from_many_hosts_are_one_guessers(clock):
    lockout = PasswordLockout(clock)
    assert sum(wrong(lockout, "alice", f"h{number}", 1) for number in range(6000)) == FREE_EVERYWHERE
    assert lockout.barred("alice", "new", proven=False)
    assert not lockout.barred("alice", "a", proven=True)


def test_a_lock_is_not_pushed_out_by_guesses_at_other_accounts(clock):
    """Thousands of hosts (an IPv6 network has more), each with a guess at an account that is not there."""
    lockout = PasswordLockout(clock)
    wrong(lockout, "alice", "a", 100)
    wrong(lockout, "alice", "b", 100)
    wrong(lockout, "alice", "c", 100)
    wrong(lockout, "alice", "d", 100)
    assert lockout.barred("alice", "new", proven=False)
    wrong(lockout, "bob", "a", 1)
    for number in range(2 * MAX_KEPT):
        wrong(lockout, "", f"h{number}", 1)
    assert lockout.barred("alice", "new", proven=False)
    assert lockout.barred("alice", "a", proven=True)


def test_accounts_that_are_not_there_count_as_one_and_lock_nobody(clock):
    lockout = PasswordLockout(clock)
    assert wrong(lockout, "", "a", 100) == FREE
    assert sum(wrong(lockout, "", f"h{number}", 1) for number in range(100)) == 100
    assert not lockout.barred("alice", "a", proven=False)


def test_a_right_password_forgives_and_a_log_line_a_second_is_enough(clock):
    lockout = PasswordLockout(clock)
    told = [lockout.note("alice", "a", proven=False) for _ in range(FREE - 1)]
    assert told == [True] + [False] * (FREE - 2)
    lockout.right("alice", "a")
    assert wrong(lockout, "alice", "a", 100) == FREE
    clock.now += 1
    assert lockout.note("alice", "a", proven=False)


def test_the_tries_that_are_kept_are_bounded(clock):
    lockout = PasswordLockout(clock)
    for number in range(MAX_KEPT + 100):
        lockout.note("", f"h{number}", proven=False)
    assert len(lockout._nobody) == MAX_KEPT


def request(line: str):
    return parse(
        "REGISTER sip:gate.invalid SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:alice@x>;tag=1\r\n"
        f"To: <sip:alice@x>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n{line}\r\n\r\n".encode()
    )


def test_nobody_locks_a_phone_out_of_its_own_address(clock):
    """Somebody behind the same NAT guesses, and others from everywhere: the phone goes on, they get nothing."""
    config = config_for("127.0.0.1:9", accounts=(Account("alice", "x", PRESENTED),))
    auth = Authenticator(config, lambda _: "open sesame", clock)

    def tries(source: tuple[str, int], password: str) -> AuthResult:
        asked = challenge(auth.challenges(request("X: y"), source)[1][1])
        line = authorization(asked, "alice", password, "REGISTER", "sip:gate.invalid")
        return auth.check(request(line), source)[0]

    phone, neighbour = ("192.0.2.1", 5060), ("192.0.2.1", 40000)
    assert tries(phone, "open sesame") is AuthResult.PROVEN
    for number in range(200):
        assert tries(neighbour, f"guess {number}") is AuthResult.WRONG
        assert tries((f"198.51.100.{number}", 5060), f"guess {number}") is AuthResult.WRONG
    assert auth.lockout.wrong <= FREE + FREE_EVERYWHERE
    assert tries(neighbour, "open sesame") is AuthResult.WRONG  # locked: even the right one is not looked at
    assert tries(("203.0.113.1", 5060), "open sesame") is AuthResult.WRONG
    assert tries(phone, "open sesame") is AuthResult.PROVEN
