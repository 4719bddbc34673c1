"""How the console looks: three themes, and the tones that give a state its colour. A state is always a word as well.

Text stands out from what is behind it by 4.5:1 (WCAG 2.2, 1.4.3), in high contrast by 7:1 (1.4.6), under a cursor too.
"""

from __future__ import annotations

from dataclasses import replace

from textual.theme import Theme

DARK = Theme(
    name="dialgate",
    primary="#5fafd7",
    secondary="#87afaf",
    accent="#d7af5f",
    foreground="#d0d4d8",
    background="#11151a",
    surface="#171c22",
    panel="#20272f",
    success="#7fc77f",
    warning="#e0b050",
    error="#f58080",
    dark=True,
    variables={
        "footer-background": "#20272f",
        "footer-key-foreground": "#d7af5f",
        "footer-description-foreground": "#b0b8c0",
        "block-cursor-text-style": "none",
        "input-cursor-text-style": "none",
        "muted": "#9aa4ae",
        "cursor": "#1e3947",
        "scrollbar": "#3a4550",
        "scrollbar-background": "#171c22",
        "scrollbar-hover": "#5a6570",
        "scrollbar-active": "#5fafd7",
    },
)
CONTRAST = Theme(
    name="dialgate-contrast",
    primary="#ffff00",
    secondary="#ffffff",
    accent="#00ffff",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#262626",
    success="#00ff00",
    warning="#ffff00",
    error="#ff9f9f",
    dark=True,
    text_alpha=1.0,
    variables={
        "footer-background": "#000000",
        "footer-key-foreground": "#ffff00",
        "footer-description-foreground": "#ffffff",
        "block-cursor-foreground": "#000000",
        "block-cursor-background": "#ffff00",
        "block-cursor-text-style": "bold",
        "border": "#ffffff",
        "scrollbar": "#ffffff",
        "scrollbar-background": "#000000",
        "muted": "#ffffff",
        "cursor": "#0000a0",
    },
)
LIGHT = Theme(
    name="dialgate-light",
    primary="#0b5c8a",
    secondary="#2f6b6b",
    accent="#7a5000",
    foreground="#1a1f24",
    background="#fbfaf7",
    surface="#f1efe9",
    panel="#e2dfd6",
    success="#1b6429",
    warning="#7a5000",
    error="#a01e18",
    dark=False,
    variables={
        "footer-background": "#e2dfd6",
        "footer-key-foreground": "#7a5000",
        "footer-description-foreground": "#3a4046",
        "block-cursor-text-style": "none",
        "input-cursor-text-style": "none",
        "muted": "#50565e",
        "cursor": "#c5dcea",
        "scrollbar": "#b8b3a6",
        "scrollbar-background": "#f1efe9",
        "scrollbar-hover": "#8f8a7e",
        "scrollbar-active": "#0b5c8a",
    },
)
THEMES = (DARK, LIGHT, CONTRAST)


def without_colour(theme: Theme) -> Theme:
    """A theme of which only the brightness is seen (NO_COLOR): what is wrong stands out more than text, not less."""
    loud, text = ("#ffffff", "#c8ccd0") if theme.dark else ("#000000", "#40464c")
    return replace(theme, foreground=text, error=loud, warning=loud, accent=loud)


OK, BAD, WARN, DIM, LOUD, PLAIN = "ok", "bad", "warn", "dim", "loud", ""
"""Tones of a text; ``LOUD`` stands out, ``DIM`` steps back."""
TONES = (OK, BAD, WARN, DIM, LOUD)

CSS = """
.title { height: 1; padding: 0 1; color: $primary; text-style: bold; }
.note { height: auto; padding: 0 1; color: $muted; }
ToastRack { margin-bottom: 1; }
Toast { max-width: 76; }
Input > .input--placeholder, Input > .input--suggestion { color: $muted; }
"""
