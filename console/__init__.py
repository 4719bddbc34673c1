"""The console: the Textual app in which admins run the gate and auditors look.

It speaks to the gate through the control client alone. The gate decides who may do what, by the account that asks; the
console only shows it. ``gate.client`` (``setup``) does what needs files or private keys.

- ``app``       the app: modes, keys, themes, undo; ``run(Setup)`` starts it
- ``setup``     what it is started with: the socket, the clock, what opens recordings and writes files
- ``feed``      the connection to the gate: questions on threads, the stream of ``watch``, whether the gate is there;
                the messages that the screens get
- ``late``      modules that are loaded when they are first needed
- ``modes``     a module for each of the keys 0 to 8; ``modes.base``, ``modes.listing`` and ``modes.detail`` are shared
- ``attention`` what needs somebody's attention, and the screen where they deal with it
- ``widgets``   tables, status line, dialogs, charts
- ``keys``      every key, with an id by which the configuration gives it others
- ``palette``   the actions of the command palette, with the words by which people look for them; ``help``: the help of
                ``?``
- ``typed_ahead`` keys go on one by one, to what they are meant for
- ``manual``    a page of the manual, opened from there, and its tables
- ``web``       the console in a browser on this machine: who may come in, a window, and the files that it may take;
                ``web_page.html`` is its page; ``served``: its process, and what bounds that
- ``spoken``    the screen in words, for a browser's screen reader
- ``theme``     colours, and the tones of states; ``words``: values of the gate as short texts with a tone

How to add a mode (``NAME`` is in ``keys.MODES``; ``modes/calls.py`` is the pattern):

1. ``modes/NAME.py`` with a class ``Mode``. A mode of lists: ``ListMode`` with ``VIEWS``, each a ``View``: operation,
   columns, key field, text for none, ``filters`` (what is typed behind ``/`` as fields of the operation). Paging,
   filtering, greying, copying and revealing come with it. Anything else: ``ModeScreen`` and ``body()``.
2. Columns are ``Column(heading, width, show)``; ``show(row)`` gives text and tone, see ``words``. A state is a word;
   text from outside goes through ``words.text``, a number through ``words.number``, an id through ``words.ident``.
   ``rank`` says what a narrow terminal loses first.
3. Enter: ``open_row(row)`` pushes a ``DetailScreen`` with ``sections()``. Questions to the gate: ``await self.ask(op,
   …)`` in a worker (``@work``, ``run_worker``); None means that the failure is already on the screen. An action that
   asks its user something runs in a worker without a group: keys typed meanwhile wait for its dialog.
4. Keys: a list in ``keys`` made with ``bind("NAME.what", …)``, and ``BINDINGS = keys.NAME``. The footer fits into 80
   columns: ``show=True`` for the two or three that matter. ``check_action`` returns None for what this account may not
   do (``self.feed.session.may(op)``).
5. A reversible act: ``self.app.done("what was done", back=coroutine function)`` offers undo. An irreversible one or one
   in bulk: ``await danger(self, …)`` of ``widgets.danger``. A question: ``push_screen_wait(Ask(title, fields))``.
6. ``show_live(snapshot)`` is called with each snapshot of ``watch``; ``returned()`` when the gate is there again, and
   on ``r``. A list follows the log by itself, which ``p`` pauses.
7. ``HELP_TEXT``, ``PAGE`` (of the manual), and pictures in ``tests/console`` at 80x24 and 120x40.
"""
