"""Messages in a browser: any script of the world, and none of a page's."""

import secrets

TEXTS = ["Good night 🌙🙂", "שלום עולם", "مرحبا", "<script>document.title = 'taken'</script><img src=x onerror=alert(1)>", "{{text}} & \"quotes\" 'too'"]


def test_messages_are_written_read_and_deleted(browser, server):
    everyone = f"every one {secrets.token_hex(4)}"
    for text in TEXTS:
        server.api.post("/messages", {"sender": "<b>ann</b>", "recipient": everyone, "text": text})
    browser.open("/inbox").fill("#recipient", everyone).click("button", "Show")
    for text in TEXTS:
        browser.see(text)
    browser.see("From <b>ann</b>")
    assert browser.driver.title == "Inbox – Rowlock" and browser.overflow() == 0 and browser.path == "/inbox?recipient=" + everyone.replace(" ", "+")
    browser.fill("#write-sender", "bob").fill("#write-recipient", everyone).fill("#write-text", "a <i>note</i>\nof two lines").click("button", "Send")
    browser.see("a <i>note</i>\nof two lines")
    assert browser.path == "/inbox?recipient=" + everyone.replace(" ", "%20")
    before = len(browser.all("article"))
    browser.click("article button", "Delete")
    browser.attempt(lambda: len(browser.all("article")) == before - 1, f"{before - 1} messages")
    assert "of two lines" not in browser.text()


def test_what_is_wrong_is_said_beside_the_input_and_what_was_typed_stays(browser):
    browser.expected.append("400 (Bad Request)")
    browser.open("/inbox").fill("#write-sender", "\"ann\" <x>").fill("#write-recipient", "x" * 250).fill("#write-text", "Hello").click("button", "Send")
    browser.see("recipient must be text of 1 to 200 characters.")
    assert browser.one("#write-sender").get_attribute("value") == "\"ann\" <x>"
    assert browser.one("#write-text").get_attribute("value") == "Hello"
    wrong = browser.one("#write-recipient")
    assert wrong.get_attribute("aria-invalid") == "true" and wrong.get_attribute("aria-describedby") == "write-recipient-error"
