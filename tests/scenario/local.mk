# tests/scenario: whole stories across floors, with real peers where installed.
