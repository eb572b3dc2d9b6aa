// Notifications and webhooks, set up on the page as a person does.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { together, visit } from "./test_system.mjs";

const configuration = '[integrations]\nprivate_networks = ["127.0.0.0/8"]\n';

/** A receiver that keeps what comes. */
async function receiver() {
  const came = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      came.push({ headers: request.headers, body });
      response.writeHead(server.answer ?? 200).end();
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  server.came = came;
  server.url = `http://127.0.0.1:${server.address().port}/topic`;
  return server;
}

test("a person is told by ntfy, and sees when it does not arrive", async () => {
  const phone = await receiver();
  try {
    await together("open", { configuration }, async (test_system, browser, page) => {
      browser.expected.push(/502/); // a test that does not arrive
      await browser.enter(test_system);
      await visit(page, "integrations");
      await page.getByText("Nobody is told yet.").waitFor();
      await page.getByRole("button", { name: "ntfy: to your phone" }).click();
      await page.getByLabel("Address of the topic").fill(phone.url);
      await page.getByLabel("devices come and go").check();
      await page.getByRole("button", { name: "Add", exact: true }).click();
      await page.getByText("nothing sent yet").waitFor();
      await page.getByRole("button", { name: "Send a test" }).click();
      await page.getByText("The test was sent to ntfy.").waitFor();
      assert.equal(phone.came[0].body, "This is a test: messages arrive");
      phone.answer = 403;
      await page.getByRole("button", { name: "Send a test" }).click();
      await page.getByText("the receiver answered 403").waitFor();
      phone.answer = 200;
      await page.getByRole("button", { name: "Change" }).click();
      assert.equal(await page.getByLabel("devices come and go").isChecked(), true);
      assert.equal(await page.getByLabel("a rollout stops by itself").isChecked(), true);
      await page.getByLabel("Name", { exact: true }).fill("My phone");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("heading", { name: "My phone" }).waitFor();
      page.removeAllListeners("dialog");
      page.once("dialog", (dialog) => dialog.accept());
      await page.getByRole("button", { name: "Remove" }).click();
      await page.getByText("Nobody is told yet.").waitFor();
    });
  } finally {
    phone.close();
  }
});

test("a webhook's secret is shown once", async () => {
  await together("open", {}, async (test_system, browser, page) => {
    await browser.enter(test_system);
    await visit(page, "integrations");
    await page.getByRole("button", { name: "Webhook: to a program" }).click();
    await page.getByLabel("Address").fill("https://example.org/hook");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    const secret = await page.getByText(/^whsec_/).textContent();
    assert.match(secret, /^whsec_[A-Za-z0-9+/]{32}$/);
    await visit(page, "system");
    await visit(page, "integrations");
    await page.getByRole("heading", { name: "Webhook", exact: true }).waitFor();
    assert.equal(await page.getByText(/whsec_[A-Za-z0-9]/).count(), 0);
  });
});
