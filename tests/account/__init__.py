"""A stand-in AWS account on loopback, for rehearsals and tests: moto's server, and what moto lacks.

The parts are named after the services they mend or add. `python -m account --help` starts it; `README.md` says what it can do.
"""
