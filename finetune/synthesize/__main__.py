"""Problems from a teacher: written from seeds, led through eight filters, handed over as rows to train on.

python -m finetune.synthesize write --seeds seeds.jsonl --count 80000 --model gpt-4o-mini --out synth --dry-run      # what it would cost
python -m finetune.synthesize write --seeds seeds.jsonl --count 80000 --model gpt-4o-mini --out synth --max-dollars 60
python -m finetune.synthesize write --seeds seeds.jsonl --count 80000 --model gpt-4o-mini --out synth --batch openai  # files for a batch
python -m finetune.synthesize collect synth batch_output.jsonl batch_errors.jsonl
python -m finetune.synthesize filter synth --benchmarks ../tests            # problems.jsonl, report.json, funnel.png, data/
python -m finetune.synthesize filter synth --explain p000012-3
python -m finetune.synthesize push synth me/my-problems --dry-run
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from finetune.benchmarks import BENCHMARKS
from finetune.command import reported
from finetune.files import growing
from finetune.sources import SourceError, questions_of, read_file
from finetune.synthesize import batches, funnel, planning
from finetune.synthesize.journal import Bill, Reply, bill_of, replies_in
from finetune.synthesize.planning import Folder, Plan
from finetune.synthesize.prices import PRICES, Price, PriceError, Tokens, price_of
from finetune.synthesize.problems import Problem, problem_of, read_reply
from finetune.synthesize.teacher import Teacher
from vision.errors import LogicFlowError

SERVER = "https://api.openai.com/v1"


def write(args: argparse.Namespace) -> int:
    """Ask the teacher for what is not there yet, or write the files of a batch; 1 where requests came to nothing."""
    seeds = planning.read_seeds(args.seeds)
    plan = Plan(
        seeds=planning.digest(seeds),
        **{
            key: getattr(args, key)
            for key in ("count", "charts", "model", "per_request", "shots", "form", "temperature", "reasoning", "tokens_a_problem", "seed")
        },
    )
    price, folder = price_of(args.model, args.prices), Folder(args.out)
    done = list(replies_in(folder.replies))
    if args.dry_run:
        print(_forecast(plan, seeds, done, price, batch=bool(args.batch)))
        return 0
    if args.max_dollars is not None and price is None:
        raise SourceError(f"--max-dollars needs the price of {args.model}; it stands not in {args.prices.name}, give a table with --prices")
    if args.batch and args.max_dollars is not None:
        raise SourceError(
            "a batch file has no budget of its own; leave --max-dollars out, ask for fewer with --count, and look with --dry-run"
        )
    if args.batch == "anthropic" and plan.reasoning:
        raise SourceError("--reasoning is not told in Anthropic's batches; leave it out")
    folder.begin(plan, seeds)
    left = plan.requests(seeds, {reply.id for reply in done})
    if args.batch:
        files = batches.write_batches(folder.path / "batch", left, plan, args.batch)
        print("\n".join(f"{path}: {count:,} requests" for path, count in files.items()) or "nothing is left to ask")
        return 0
    teacher = Teacher(
        url=args.engine_url, model=args.model, key=_key(), manner=plan.manner, at_once=args.at_once, quiet_s=args.quiet_seconds
    )
    bill = bill_of(folder.replies, price)
    total = len(plan.ids)
    lost = _ask(teacher, left, bill, args.max_dollars, folder, total)
    print(bill)
    refused = sum(bool(reply.error) for reply in replies_in(folder.replies))
    if refused:
        print(f"{refused} of them refused and not asked again; {folder.replies} says why", file=sys.stderr)
    missing = total - bill.replies - lost
    if missing:
        print(f"{missing} requests were not begun: the next could exceed {args.max_dollars} dollars; raise --max-dollars and run it again")
    if lost:
        print(f"{lost} requests came to nothing; the same command asks them again", file=sys.stderr)
    return int(lost > 0)


def _ask(teacher: Teacher, requests: Iterator[planning.Request], bill: Bill, most: Decimal | None, folder: Folder, total: int) -> int:
    """Ask, noting every reply on the disk as it comes, with a bar of rate, cost and the share that the first five filters would keep."""
    from tqdm import tqdm

    from finetune.synthesize.filters import first_fault

    seen = kept = 0
    with growing(folder.replies) as append, tqdm(total=total, initial=bill.replies, unit="request", desc=folder.path.name) as bar:

        def note(reply: Reply) -> None:
            nonlocal seen, kept
            append(reply.as_row())
            if reply.id.startswith("p"):
                faults = [first_fault(problem)[0] for problem in read_reply(reply.id, reply.text)] if reply.text else []
                seen, kept = seen + len(faults), kept + faults.count("")
            cost = "" if bill.dollars is None else f"{bill.dollars:.4f} dollars, "
            bar.set_postfix_str(f"{cost}{100 * kept / seen:.0f} % kept" if seen else cost.rstrip(", "), refresh=False)
            bar.update()

        return teacher.ask(requests, bill, most, note)


def _forecast(plan: Plan, seeds: list[Problem], done: list[Reply], price: Price | None, *, batch: bool) -> str:
    """What is left to ask and what it will cost: by the replies so far, else by prompts, and replies as long as the seeds."""
    left = list(plan.requests(seeds, {reply.id for reply in done}))
    prompts, replies = sum(request.tokens for request in left), 0
    if done:
        prompts = len(left) * sum(reply.tokens.input for reply in done) // len(done)
        replies = len(left) * sum(reply.tokens.output for reply in done) // len(done)
    elif seeds:
        chars = sum(len(seed.question) + len(seed.thought) + 60 for seed in seeds) / len(seeds)
        replies = int((plan.count + plan.charts) * chars / planning.CHARS_A_TOKEN)
    cost = f"the price of {plan.model} is not known; give a table with --prices"
    if price is not None:
        cost = f"about {price.of(Tokens(input=prompts, output=replies), batch=batch):.2f} dollars" + (" as a batch" if batch else "")
    by = f"by {len(done)} replies so far" if done else "by lengths"
    return f"{len(left):,} requests, {prompts:,} tokens of prompts and {replies:,} of replies ({by}): {cost}"


def _key() -> str:
    return os.environ.get("LOGICFLOW_ENGINE_KEY") or os.environ.get("OPENAI_API_KEY", "")


def collect(args: argparse.Namespace) -> int:
    """Take the results of a provider's batch files in; 1 where requests are left without one."""
    folder = Folder(args.folder)
    asked = set(folder.plan.ids)
    done = {reply.id for reply in replies_in(folder.replies)}
    found = batches.collect(args.files, asked, done)
    with growing(folder.replies) as append:
        for reply in found.replies:
            append(reply.as_row())
    print(f"{len(found.replies)} new replies; {bill_of(folder.replies, price_of(folder.plan.model, args.prices))}")
    for count, what in (
        (sum(bool(reply.error) for reply in found.replies), "of them refused"),
        (found.twice, "results of requests that had a reply already, left out"),
        (len(found.unknown), f"results of requests that were never asked ({', '.join(found.unknown[:3])}), left out"),
        (found.unreadable, "lines that are no result, left out"),
        (found.gone, "requests that the provider did not work on; write --batch asks them again"),
    ):
        if count:
            print(f"{count} {what}")
    left = len(asked - done) - len(found.replies)
    if left:
        print(f"{left} requests are left", file=sys.stderr)
    return int(left > 0)


def problems_in(folder: Folder) -> Iterator[Problem]:
    """The problems of all replies, with what is known of them."""
    for reply in replies_in(folder.replies):
        for problem in read_reply(reply.id, reply.text) if reply.text else ():
            yield folder.plan.known(problem, folder.path)


def filter_(args: argparse.Namespace) -> int:
    """Lead all problems through the filters and write what stays."""
    from tqdm import tqdm

    from finetune.synthesize import rows

    if not args.path.exists():
        raise SourceError(f"there is no folder or file {args.path}")
    out = args.out or (args.path if args.path.is_dir() else None)
    if out is None:
        raise SourceError(f"{args.path} is no folder; say with --out where the problems that stay are to be written")
    if args.explain:
        try:
            print(funnel.explain(out, args.explain))
        except KeyError:
            raise SourceError(
                f"{out} holds no verdict about {args.explain}; ids are like p000012-3, and 'filter' has to run first"
            ) from None
        return 0
    plan = bill = None
    seeds: list[Problem] = planning.read_seeds(args.seeds) if args.seeds else []
    if args.path.is_dir():
        folder = Folder(args.path)
        plan, seeds = folder.plan, [*folder.seeds, *seeds]
        bill = bill_of(folder.replies, price_of(folder.plan.model, args.prices))
        problems = problems_in(folder)
    else:
        problems = (problem_of(row, f"r{i}") for i, row in enumerate(read_file(args.path), start=1))
    tests = [question for name in args.against for question in questions_of(name, args.benchmarks)]
    with tqdm(desc="filtering", unit="problem") as bar:

        def tell(seen: int) -> None:
            bar.update(seen - bar.n)

        found = funnel.run(
            problems,
            seeds=[seed.question for seed in seeds],
            tests=tests,
            near=args.near,
            workers=args.workers,
            tell=tell,
        )
        bar.update(len(found.kept) + len(found.verdicts) - bar.n)
    if not found.kept and not found.verdicts:
        raise SourceError(f"{args.path} holds no problems yet")
    funnel.write(found, out)
    count = rows.write_rows(out, args.name, args.path if args.path.is_dir() else args.path.parent)
    card = rows.write_card(out, args.name, args.licence, plan, bill, [*["the seeds"] * bool(seeds), *args.against])
    print(funnel.table(found.stages, len(found.kept)))
    print(f"\n{count} rows in {card.parent / args.name}.jsonl; llamafactory-cli train … dataset_dir={card.parent} dataset={args.name}")
    return 0


def push(args: argparse.Namespace) -> int:
    """Say what would be pushed, and push it."""
    from finetune.synthesize.rows import Push

    pushed = Push(repo=args.repo, folder=args.folder, name=args.name, private=args.private)
    print("\n".join(pushed.plan()))
    if not args.dry_run:
        print(pushed.run())
    return 0


def _dollars(written: str) -> Decimal:
    try:
        dollars = Decimal(written)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{written!r} is no amount of dollars") from None
    if not dollars.is_finite() or dollars < 0:
        raise argparse.ArgumentTypeError(f"{written} dollars cannot be spent")
    return dollars


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m finetune.synthesize", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    prices: dict[str, Any] = {"type": Path, "default": PRICES, "help": "YAML of dollars per million tokens; ours when left out"}
    writing = commands.add_parser("write", help="ask the teacher for what is not there yet; goes on where it was ended")
    writing.add_argument("--seeds", type=Path, required=True, help="JSONL of question, solution, answer, or in GSM8K's form")
    writing.add_argument("--out", type=Path, required=True, help="folder of the problems")
    writing.add_argument("--model", required=True, help="the teacher, as its server names it")
    writing.add_argument("--engine-url", default=SERVER, help="OpenAI-compatible server, up to /v1; the key is LOGICFLOW_ENGINE_KEY")
    writing.add_argument("--count", type=int, default=1000, help="word problems")
    writing.add_argument("--charts", type=int, default=0, help="problems about drawn charts")
    writing.add_argument("--per-request", type=int, default=4, help="word problems that one reply holds")
    writing.add_argument("--shots", type=int, default=4, help="seeds in a prompt")
    writing.add_argument("--form", choices=("json", "text"), default="json", help="of replies; text for a small teacher")
    writing.add_argument("--temperature", type=float, default=1.0, help="below 0: not told")
    writing.add_argument(
        "--reasoning", default="", help="effort that the teacher is told to think with: none, low …; not told when left out"
    )
    writing.add_argument("--tokens-a-problem", type=int, default=400, help="that a reply may take for each")
    writing.add_argument("--seed", type=int, default=0, help="of topics, steps and choice")
    writing.add_argument("--at-once", type=int, default=16, help="requests under way")
    writing.add_argument("--quiet-seconds", type=float, default=180.0, help="after which an answer is no longer waited for")
    writing.add_argument("--batch", choices=("openai", "anthropic"), help="write files for a provider's batches instead")
    writing.add_argument("--dry-run", action="store_true", help="only say what it would cost")
    writing.add_argument("--max-dollars", type=_dollars, help="stop before more is spent")
    writing.add_argument("--prices", **prices)
    writing.set_defaults(work=write)
    collecting = commands.add_parser("collect", help="take the results of batch files in")
    collecting.add_argument("folder", type=Path, metavar="DIR", help="--out of write")
    collecting.add_argument("files", nargs="+", type=Path, metavar="FILE", help="what the provider gave, errors too")
    collecting.add_argument("--prices", **prices)
    collecting.set_defaults(work=collect)
    filtering = commands.add_parser("filter", help="eight filters, a report, rows to train on")
    filtering.add_argument("path", type=Path, metavar="DIR", help="--out of write, or a file of question, solution, answer")
    filtering.add_argument("--out", type=Path, help="where to write; DIR when left out")
    filtering.add_argument("--name", default="synthetic", help="of the data set")
    filtering.add_argument("--seeds", type=Path, help="further questions that may not come back")
    filtering.add_argument("--against", nargs="*", choices=[*BENCHMARKS], default=[*BENCHMARKS], help="test sets to share nothing with")
    filtering.add_argument("--benchmarks", type=Path, help="folder with those test sets as NAME.jsonl; from the Hub when left out")
    filtering.add_argument("--near", choices=("tfidf", "minhash"), default="tfidf", help="minhash for millions of rows")
    filtering.add_argument("--licence", default="other", help="of the data, as the Hub names it; a teacher's terms may bind it")
    filtering.add_argument("--workers", type=int, default=0, help="processes; one a core when left out")
    filtering.add_argument("--explain", metavar="ROW", help="only say why a problem fell")
    filtering.add_argument("--prices", **prices)
    filtering.set_defaults(work=filter_)
    pushing = commands.add_parser("push", help="put the rows on the Hub")
    pushing.add_argument("folder", type=Path, metavar="DIR")
    pushing.add_argument("repo", metavar="OWNER/NAME")
    pushing.add_argument("--name", default="synthetic", help="of the data set, as filter wrote it")
    pushing.add_argument("--private", action="store_true")
    pushing.add_argument("--dry-run", action="store_true", help="only say what would be done")
    pushing.set_defaults(work=push)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = _parser()
    args = parser.parse_args(arguments)
    for name in ("temperature", "quiet_seconds"):
        value = getattr(args, name, 1.0)
        if not math.isfinite(value) or (name == "quiet_seconds" and value <= 0):
            parser.error(f"--{name.replace('_', '-')} is {value}; expected a number" + " above 0" * (name == "quiet_seconds"))
    for name, least in (
        ("count", 0),
        ("charts", 0),
        ("per_request", 1),
        ("shots", 0),
        ("tokens_a_problem", 1),
        ("at_once", 1),
        ("workers", 0),
    ):
        if getattr(args, name, least) < least:
            parser.error(f"--{name.replace('_', '-')} is {getattr(args, name)}; expected at least {least}")
    return reported("synthesize", lambda: args.work(args), SourceError, PriceError, LogicFlowError, OSError)


if __name__ == "__main__":
    sys.exit(main())
