"""The HTML page in a headless Chromium: what is clicked, searched and filtered, and what hostile names do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from html_recording import HOSTILE, HOSTILE_LOCK, dense_waits, record, waits
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from tracer.commands.html import html


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("html")
    html(record(folder / "run.lockwatch", waits()), str(folder / "page.html"))
    return folder / "page.html"


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chrome: Chrome, page: Path) -> Iterator[Chrome]:
    """The page, freshly opened; at the end nothing may have complained or been owned."""
    chrome.get(page.as_uri())
    until(chrome, lambda: shown(chrome, "selection") == "60 waits, 220.0 ms")
    yield chrome
    assert complaints(chrome) == []
    assert chrome.execute_script("return window.owned === undefined") is True


def complaints(chrome: Chrome) -> Any:
    return chrome.execute("getLog", {"type": "browser"})["value"]


def until(chrome: Chrome, condition: Any) -> None:
    WebDriverWait(chrome, 20, poll_frequency=0.05).until(lambda _: condition())


def shown(chrome: Chrome, identity: str) -> str:
    return chrome.find_element(By.ID, identity).text


def choose(chrome: Chrome, identity: str, text: str) -> None:
    Select(chrome.find_element(By.ID, identity)).select_by_visible_text(text)


def frames(chrome: Chrome) -> list[str]:
    return [
        frame.get_attribute("name") or "" for frame in chrome.find_elements(By.CSS_SELECTOR, "#flame g.frame")
    ]


def lock_names(chrome: Chrome) -> list[str]:
    return [button.text for button in chrome.find_elements(By.CSS_SELECTOR, "#locks td button")]


def test_the_page_shows_verdict_loss_and_health(browser: Chrome) -> None:
    assert "costs most" in shown(browser, "verdict")
    assert "LOST: 2 stacks" in shown(browser, "loss")
    assert "61 stacks, 100 % complete" in shown(browser, "health")
    assert HOSTILE in shown(browser, "title")


def test_the_flame_graph_has_the_stacks_outermost_first(browser: Chrome) -> None:
    assert set(frames(browser)) == {
        *("all", "main", "serve", "look_up", "draw<int>", "futex_wait", "lock table", f"lock {HOSTILE_LOCK}")
    }
    label = browser.execute_script(
        "return [...document.querySelectorAll('#flame g.frame')]"
        ".find(g => g.getAttribute('name') === 'look_up').querySelector('title').textContent"
    )
    assert label == "look_up: 160.0 ms (72.7 %)"


def test_blame_has_release_stacks_and_what_no_stack_stands_for(browser: Chrome) -> None:
    browser.find_element(By.CSS_SELECTOR, 'input[value="blame"]').click()
    until(browser, lambda: "give_back" in frames(browser))
    assert "[short releases]" in frames(browser) and "look_up" not in frames(browser)


def test_a_click_zooms_and_the_button_zooms_out(browser: Chrome) -> None:
    def width(name: str) -> float:
        script = (
            "const frame = [...document.querySelectorAll('#flame g.frame')]"
            ".find(g => g.getAttribute('name') === arguments[0]);"
            "return frame.querySelector('rect').getBoundingClientRect().width"
        )
        return float(browser.execute_script(script, name))

    whole = browser.execute_script("return document.getElementById('flame').clientWidth")
    until(browser, lambda: width("all") > whole * 0.99)
    assert width("draw<int>") < whole * 0.3
    target = next(
        frame
        for frame in browser.find_elements(By.CSS_SELECTOR, "#flame g.frame")
        if frame.get_attribute("name") == "draw<int>"
    )
    target.find_element(By.TAG_NAME, "rect").click()
    until(browser, lambda: width("draw<int>") > whole * 0.99)
    browser.find_element(By.ID, "flame-zoom-out").click()
    until(browser, lambda: width("draw<int>") < whole * 0.3)


def test_search_marks_frames_and_narrows_the_locks(browser: Chrome) -> None:
    box = browser.find_element(By.ID, "search")
    box.send_keys("LOOK_")
    assert shown(browser, "flame-details") == "1 frame found, 160.0 ms (72.7 %)"
    assert len(lock_names(browser)) == 2
    box.clear()
    box.send_keys("table")
    assert lock_names(browser) == ["table"]
    box.clear()
    box.send_keys("(")
    assert "0 frames found" in shown(browser, "flame-details")


@pytest.mark.parametrize(
    ("box", "choice", "selection"),
    [
        ("filter-lock", "table (mutex)", "40 waits, 160.0 ms"),
        ("filter-class", "Image", "20 waits, 60.0 ms"),
        ("filter-kind", "rwlock-read", "20 waits, 60.0 ms"),
        ("filter-kind", "all", "61 waits, 620.0 ms"),
        ("filter-thread", f"{HOSTILE}/72", "20 waits, 80.0 ms"),
        ("filter-request", "Draw", "20 waits, 60.0 ms"),
    ],
)
def test_filters_and_reset(browser: Chrome, box: str, choice: str, selection: str) -> None:
    choose(browser, box, choice)
    until(browser, lambda: shown(browser, "selection") == selection)
    browser.find_element(By.ID, "reset").click()
    until(browser, lambda: shown(browser, "selection") == "60 waits, 220.0 ms")


def test_a_time_window_leaves_its_waits_to_every_view(browser: Chrome) -> None:
    box = browser.find_element(By.ID, "filter-from")
    box.send_keys(Keys.CONTROL, "a", Keys.NULL, "0.99", Keys.TAB)
    until(browser, lambda: shown(browser, "selection") == "20 waits, 60.0 ms")
    assert "look_up" not in frames(browser) and "draw<int>" in frames(browser)
    assert "Draw" in shown(browser, "edges") and "Get" not in shown(browser, "edges")


def test_a_drag_on_the_time_line_is_a_time_window(browser: Chrome) -> None:
    canvas = browser.find_element(By.ID, "timeline")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    middle, _ = browser.execute_script("return [xOf(1e9) - arguments[0].clientWidth / 2, 0]", canvas)
    actions = ActionChains(browser).move_to_element_with_offset(canvas, round(middle), 0)
    actions.click_and_hold().move_by_offset(300, 0).release().perform()
    until(browser, lambda: "60 waits" not in shown(browser, "selection"))
    assert float(browser.find_element(By.ID, "filter-from").get_attribute("value") or 0) == pytest.approx(
        1, abs=0.01
    )


def test_the_keyboard_walks_the_waits_and_the_owner_is_marked(browser: Chrome) -> None:
    canvas = browser.find_element(By.ID, "timeline")
    canvas.send_keys(Keys.ARROW_RIGHT)
    assert "worker/71 for Get waited 4.0 ms for mutex table at -0.010 s, held by holder/73" in shown(
        browser, "wait"
    )
    assert "look_up daemon.c:5" in shown(browser, "wait")
    assert browser.execute_script("return threadLabel(shownRows()[0])") == "holder/73"
    canvas.send_keys(Keys.ARROW_RIGHT)
    assert "at 0.040 s" in shown(browser, "wait")
    canvas.send_keys(Keys.ARROW_DOWN)
    assert f"{HOSTILE}/72 for Get waited" in shown(browser, "wait")
    canvas.send_keys(Keys.ESCAPE)
    until(browser, lambda: shown(browser, "wait") == "")


def test_wheel_and_keys_zoom_the_time_line_alone(browser: Chrome) -> None:
    def view() -> float:
        return float(browser.execute_script("return timeline.to - timeline.from"))

    whole = view()
    canvas = browser.find_element(By.ID, "timeline")
    canvas.send_keys("+")
    assert view() == pytest.approx(whole / 2)
    canvas.send_keys("-", "-")
    assert view() == pytest.approx(whole)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    ActionChains(browser).scroll_from_origin(ScrollOrigin.from_element(canvas), 0, -100).perform()
    until(browser, lambda: view() < whole)
    assert shown(browser, "selection") == "60 waits, 220.0 ms"


def test_a_click_on_the_time_line_chooses_the_wait(browser: Chrome) -> None:
    canvas = browser.find_element(By.ID, "timeline")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    x, y = browser.execute_script(
        "const box = arguments[0];"
        "return [xOf(492e6) - box.clientWidth / 2, AXIS + ROW / 2 - box.clientHeight / 2]",
        canvas,
    )
    ActionChains(browser).move_to_element_with_offset(canvas, round(x), round(y)).click().perform()
    assert "waited 4.0 ms for mutex table at 0.490 s" in shown(browser, "wait")


def test_the_keyboard_walks_the_flame_graph(browser: Chrome) -> None:
    box = browser.find_element(By.ID, "flame")
    box.send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert shown(browser, "flame-details").startswith("look_up: 160.0 ms")
    box.send_keys(Keys.ARROW_RIGHT)
    assert shown(browser, "flame-details").startswith("draw<int>: 60.0 ms")
    box.send_keys(Keys.ENTER, Keys.ESCAPE)
    assert shown(browser, "flame-details").startswith("all: 220.0 ms")


def test_the_table_of_locks_sorts_and_filters(browser: Chrome) -> None:
    assert lock_names(browser) == ["table", HOSTILE_LOCK]
    heads = browser.find_elements(By.CSS_SELECTOR, "#locks th button")
    next(head for head in heads if head.text.startswith("Total")).click()
    assert lock_names(browser) == [HOSTILE_LOCK, "table"]
    assert browser.find_elements(By.CSS_SELECTOR, "#locks svg.histogram rect")
    browser.find_elements(By.CSS_SELECTOR, "#locks td button")[1].click()
    until(browser, lambda: shown(browser, "selection") == "40 waits, 160.0 ms")


def test_the_wait_graph_says_who_waits_for_whom(browser: Chrome) -> None:
    choose(browser, "graph-by", "threads")
    rows = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#edges tbody tr")]
    assert f"{HOSTILE}/72 holder/73 table 20 80.0 ms" in rows
    assert "worker/71 (unknown) " + HOSTILE_LOCK + " 20 60.0 ms" in rows
    labels = browser.execute_script(
        "return [...document.querySelectorAll('#graph text title')].map(t => t.textContent)"
    )
    assert set(labels) == {"worker/71", f"{HOSTILE}/72", "holder/73", "(unknown)"}


def test_light_and_dark(browser: Chrome) -> None:
    def paper() -> str:
        return str(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))

    before = paper()
    browser.find_element(By.ID, "theme").click()
    assert {before, paper()} == {"rgb(255, 255, 255)", "rgb(21, 24, 28)"}


DRAWN_PIXELS = """
const context = byId("timeline").getContext("2d");
const scale = window.devicePixelRatio || 1;
const left = Math.round((xOf(arguments[0] * 1e9) + 2) * scale);
const right = Math.round((xOf(arguments[1] * 1e9) - 2) * scale);
const data = context.getImageData(left, (AXIS + ROW / 2) * scale, right - left, 1).data;
return data.filter((value, at) => at % 4 === 3 && value === 255).length / (right - left);
"""


def test_many_short_waits_are_drawn_at_their_time(chrome: Chrome, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    html(record(tmp_path / "run.lockwatch", dense_waits()), str(page))
    chrome.get(page.as_uri())
    until(chrome, lambda: shown(chrome, "selection") == "2,000 waits, 200.0 ms")
    assert chrome.execute_script(DRAWN_PIXELS, 0.01, 0.39) == 1
    assert chrome.execute_script(DRAWN_PIXELS, 0.41, 1.99) < 0.05  # the axis' lines
