from __future__ import annotations

import ast
import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from finetune.charts.records import Record
from vision import Engine
from vision import ask as ask_engine


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


def test_a_program_asks(client: Client, engine: Engine, chart: Record, chart_file: Path) -> None:
    reply: Any = client.predict(handle_file(str(chart_file)), chart.question, api_name="/ask")
    expected = ask_engine(chart_file, chart.question, engine)
    assert reply["answer"] == expected.answer and reply["thought"] == expected.thought
    assert [step["text"] for step in reply["steps"]] == [step.text for step in expected.steps]


def test_a_program_has_answers_vote(client: Client, chart: Record, chart_file: Path) -> None:
    ballot: Any = client.predict(handle_file(str(chart_file)), chart.question, 3, 0, api_name="/vote")
    assert 2 <= len(ballot["traces"]) <= 3 and 0 <= ballot["confidence"] <= 1


def test_a_programs_mistake_is_a_sentence(client: Client, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("I am no picture")
    with pytest.raises(AppError, match="text.png is no picture"):
        client.predict(handle_file(str(text)), "How many?", api_name="/ask")


def test_a_file_that_may_not_be_read_is_said(address: str) -> None:
    picture = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    begun = httpx.post(f"{address}/gradio_api/call/ask", json={"data": [picture, "How many?", True, 0, 0, "auto"]}, timeout=60).json()
    told = httpx.get(f"{address}/gradio_api/call/ask/{begun['event_id']}", timeout=60).text
    assert "event: error" in told and "/etc/passwd" in told and "null" not in told.splitlines()[1]


@pytest.mark.parametrize(("traces", "said"), [(0, "traces is 0"), (65, "traces is 65")])
def test_a_number_of_traces_that_is_impossible_is_said(client: Client, chart_file: Path, traces: int, said: str) -> None:
    with pytest.raises(AppError, match=said):
        client.predict(handle_file(str(chart_file)), "How many?", traces, 0, api_name="/vote")


def test_only_ask_vote_and_table_are_offered(client: Client) -> None:
    offered: Any = client.view_api(return_format="dict", print_info=False)
    assert set(offered["named_endpoints"]) == {"/ask", "/table", "/vote"} and not offered["unnamed_endpoints"]


def test_an_agent_asks_over_mcp(address: str, engine: Engine, chart: Record, chart_file: Path) -> None:
    async def conversation() -> tuple[list[str], Any]:
        async with streamable_http_client(f"{address}/gradio_api/mcp/") as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            tools = await session.list_tools()
            picture = "data:image/png;base64," + base64.b64encode(chart_file.read_bytes()).decode()
            return [tool.name for tool in tools.tools], await session.call_tool("ask", {"picture": picture, "question": chart.question})

    with ThreadPoolExecutor(1) as apart:  # the browser tests keep a loop running in this thread
        names, result = apart.submit(lambda: asyncio.run(conversation())).result()
    assert set(names) == {"ask", "table", "vote"}
    assert not result.isError, result.content
    assert ast.literal_eval(result.content[0].text)["answer"] == ask_engine(chart_file, chart.question, engine).answer
