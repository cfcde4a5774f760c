"""Roundsman keeps every CircleCI webhook, finds out what happened, tells the right people, and can say why.

The map. A module imports only from groups above its own; tests/test_map.py reads this table and holds us to it.

    words       model errors clock network_errors retry_after text patterns
    judgement   rules message
    settings    config
    records     tables metrics postgres
    edges       sources channels store jobs watchdog
    flow        intake pipeline
    acts        manage
    health      health
    doors       access
    surfaces    api pages terminal
    assembly    app
    stage       demo
    entry       cli

What each may import from others' work; what is not named here uses the standard library alone.

    config      pydantic yaml
    tables      sqlalchemy
    metrics     prometheus_client
    sources     httpx pydantic
    watchdog    httpx
    channels    apprise requests
    store       alembic pydantic sqlalchemy
    jobs        procrastinate psycopg psycopg_pool structlog
    intake      starlette structlog
    pipeline    structlog
    health      structlog
    access      itsdangerous starlette structlog
    api         starlette
    pages       jinja2 starlette structlog
    app         httptools starlette structlog uvicorn
    terminal    rich
    demo        httpx rich starlette uvicorn
    cli         rich structlog typer

The life of a webhook: intake verifies and keeps it, pipeline parses, asks the source, decides and sends,
store remembers each step, and pages, api and cli read it back.
"""
