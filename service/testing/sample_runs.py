"""The runs of the demo's day: one function for each."""

from dataclasses import replace
from datetime import UTC, date, datetime, time

from service.testing.fake_circleci.organization import (
    ADA,
    GRACE,
    LINH,
    MOBILE,
    ROBOT,
    SHOP_API,
    WEB,
    JobRun,
    Run,
    TestResult,
    sequential_jobs,
)

HOSTILE_SUBJECT = (
    "<!channel> @everyone *urgent* <script>alert(1)</script> \N{RIGHT-TO-LEFT OVERRIDE}gnp.exe \x1b[31mred"
)

VOUCHERS = (
    TestResult(
        name="test_total_includes_shipping_after_voucher",
        class_name="tests.checkout.test_totals",
        file="tests/checkout/test_totals.py",
        result="failure",
        message="AssertionError: assert Decimal('41.90') == Decimal('46.80')\n  where the basket holds 3 items",
    ),
    TestResult(
        name="test_expired_voucher_is_refused",
        class_name="tests.checkout.test_vouchers",
        file="tests/checkout/test_vouchers.py",
        result="failure",
        message="Failed: DID NOT RAISE <class 'shop.errors.VoucherExpired'>",
    ),
    TestResult(
        name="test_voucher_cannot_be_used_twice",
        class_name="tests.checkout.test_vouchers",
        file="tests/checkout/test_vouchers.py",
        result="failure",
        message="AssertionError: assert 2 == 1",
    ),
)
IMPATIENT = (
    TestResult(
        name="test_stock_is_reserved_while_paying",
        class_name="tests.stock.test_reservations",
        file="tests/stock/test_reservations.py",
        result="failure",
        message="TimeoutError: no reservation within 5 s",
        run_time_s=5.02,
    ),
)
REFUNDS = (
    TestResult(
        name="test_partial_refund_keeps_the_invoice_open",
        class_name="tests.refunds.test_partial",
        file="tests/refunds/test_partial.py",
        result="failure",
        message="KeyError: 'refunded_at'",
    ),
)


def clock(on: date, hh_mm: str) -> datetime:
    """Return a time of that day, in UTC."""
    return datetime.combine(on, time.fromisoformat(hh_mm), UTC)


def suite(*failures: TestResult, of: int) -> tuple[TestResult, ...]:
    """Return ``of`` test results, the failures among them."""
    rows = range(of - len(failures))
    return *(
        TestResult(name=f"test_price_list[row-{n}]", class_name="tests.test_prices", file="") for n in rows
    ), *failures


def api_main(on: date) -> Run:
    """Return a green run."""
    return Run(
        project=SHOP_API,
        number=871,
        author=GRACE,
        subject="Answer stock questions from the cache",
        pushed_at=clock(on, "08:41"),
        jobs=sequential_jobs(3310, JobRun(name="lint", lasts_s=35), JobRun(name="unit-tests", lasts_s=190)),
    )


def mobile_main(on: date) -> Run:
    """Return a green run in a project of the GitHub App."""
    return Run(
        project=MOBILE,
        number=204,
        author=LINH,
        subject="Show the basket offline",
        pushed_at=clock(on, "08:44"),
        jobs=sequential_jobs(611, JobRun(name="build-android", lasts_s=260)),
    )


def web_main_red(on: date) -> Run:
    """Return a run with three failed tests, whose image is not built."""
    return Run(
        project=WEB,
        number=1487,
        author=ADA,
        subject="Apply vouchers before shipping",
        pushed_at=clock(on, "09:07"),
        status="failed",
        jobs=sequential_jobs(
            5920,
            JobRun(name="lint", lasts_s=48),
            JobRun(
                name="unit-tests",
                status="failed",
                lasts_s=252,
                messages=("Exited with code exit status 1",),
                tests=suite(*VOUCHERS, of=214),
            ),
            JobRun(name="build-image", status="blocked"),
        ),
    )


def web_main_fixed(on: date) -> Run:
    """Return the run of the next commit, which repairs it."""
    return Run(
        project=WEB,
        number=1489,
        author=ADA,
        subject="Charge shipping on what is left to pay",
        pushed_at=clock(on, "09:51"),
        jobs=sequential_jobs(
            5925, JobRun(name="unit-tests", lasts_s=247, tests=suite(of=214)), JobRun(name="build-image", lasts_s=95)
        ),
    )


def web_feature_red(on: date) -> Run:
    """Return a failed run of a feature branch."""
    return Run(
        project=WEB,
        number=1488,
        author=LINH,
        subject="Try the new checkout, does not work yet",
        branch="feature/checkout-redesign",
        pushed_at=clock(on, "09:27"),
        status="failed",
        jobs=sequential_jobs(5923, JobRun(name="unit-tests", status="failed", lasts_s=233)),
    )


def api_flaky(on: date) -> Run:
    """Return a run with a test that timed out."""
    failed = JobRun(name="unit-tests", status="failed", lasts_s=204, tests=suite(*IMPATIENT, of=96))
    return Run(
        project=SHOP_API,
        number=872,
        author=GRACE,
        subject="Log how long reservations take",
        pushed_at=clock(on, "10:17"),
        status="failed",
        jobs=sequential_jobs(3312, failed),
    )


def api_rerun(on: date) -> Run:
    """Return a green rerun: the same pipeline, another workflow id."""
    passed = JobRun(name="unit-tests", lasts_s=188, tests=suite(of=96))
    return replace(api_flaky(on), status="success", attempt=2, waited_s=14 * 60, jobs=sequential_jobs(3313, passed))


def mobile_canceled(on: date) -> Run:
    """Return a run whose three jobs were canceled by a person."""
    return Run(
        project=MOBILE,
        number=205,
        author=LINH,
        subject="Oops, wrong branch",
        branch="feature/offline",
        pushed_at=clock(on, "11:05"),
        status="canceled",
        jobs=sequential_jobs(
            612,
            *(JobRun(name=name, status="canceled", lasts_s=9) for name in ("build-android", "build-ios", "unit-tests")),
        ),
    )


def api_late_results(on: date) -> Run:
    """Return a run whose webhook CircleCI sends before it has read the test results."""
    failed = JobRun(name="unit-tests", status="failed", lasts_s=197, tests=suite(*REFUNDS, of=97), tests_late_by=1)
    return Run(
        project=SHOP_API,
        number=873,
        author=GRACE,
        subject="Refund single items",
        branch="feature/refunds",
        pushed_at=clock(on, "11:37"),
        status="failed",
        jobs=sequential_jobs(3314, failed),
    )


def web_red_during_outage(on: date) -> Run:
    """Return a failed run, for a time when CircleCI's API is down."""
    failed = JobRun(name="build-image", status="failed", lasts_s=61, messages=("Exited with code exit status 137",))
    return Run(
        project=WEB,
        number=1490,
        author=ADA,
        subject="Base the image on Debian 13",
        pushed_at=clock(on, "12:14"),
        status="failed",
        jobs=sequential_jobs(5927, failed),
    )


def mobile_hostile(on: date) -> Run:
    """Return a run whose commit subject contains markup and control characters."""
    return Run(
        project=MOBILE,
        number=206,
        author=LINH,
        subject=HOSTILE_SUBJECT,
        pushed_at=clock(on, "14:40"),
        status="failed",
        jobs=sequential_jobs(615, JobRun(name="build-ios", status="timedout", lasts_s=300)),
    )


def api_upgrade(on: date) -> Run:
    """Return a failed run of a robot's weekly upgrade."""
    return Run(
        project=SHOP_API,
        number=874,
        author=ROBOT,
        subject="Upgrade every dependency",
        branch="upgrade/everything",
        pushed_at=clock(on, "15:18"),
        status="failed",
        jobs=sequential_jobs(3315, JobRun(name="lint", status="failed", lasts_s=41)),
    )


def web_release(on: date) -> Run:
    """Return a run of a tag, whose name only CircleCI's API gives, not the webhook."""
    return Run(
        project=WEB,
        number=1491,
        author=ADA,
        subject="Release 2.5.0",
        branch=None,
        tag="v2.5.0",
        pushed_at=clock(on, "15:56"),
        workflow="release",
        jobs=sequential_jobs(
            5928,
            JobRun(name="build-image", lasts_s=98),
            JobRun(name="approve-production", is_approval=True),
            JobRun(name="deploy-production", lasts_s=140),
        ),
    )


def api_unauthorized(on: date) -> Run:
    """Return a run by a person without access to the production context."""
    return Run(
        project=SHOP_API,
        number=875,
        author=LINH,
        subject="Deploy by hand",
        pushed_at=clock(on, "17:10"),
        workflow="deploy",
        status="unauthorized",
        jobs=sequential_jobs(3316, JobRun(name="deploy-production", status="unauthorized")),
    )


def api_nightly(on: date) -> Run:
    """Return a scheduled run with an invalid configuration: CircleCI says ``error``."""
    return Run(
        project=SHOP_API,
        number=876,
        author=GRACE,
        subject="Deploy by hand",
        pushed_at=clock(on, "23:30"),
        workflow="nightly",
        status="error",
        trigger="schedule",
        jobs=sequential_jobs(3316, JobRun(name="import-prices", status="not_run")),
    )
