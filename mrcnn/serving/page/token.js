/** The token of the server: asked for once, and kept until the tab is closed. */

const KEY = "mrcnn-token";
const dialog = document.getElementById("token-dialog");
const form = document.getElementById("token-form");
const field = document.getElementById("token");
const note = document.getElementById("token-note");

let asking = null;

export function token() {
  return sessionStorage.getItem(KEY) ?? "";
}

/**
 * Ask for the token, once for all requests that wait for it.
 * @param {boolean} refused whether the server refused the token that we have.
 * @returns {Promise<string>} the token, or "" if the user gave none.
 */
export function ask(refused) {
  asking ??= open(refused).finally(() => (asking = null));
  return asking;
}

function open(refused) {
  if (refused) note.textContent = "The server does not accept this token. Please check it.";
  note.classList.toggle("wrong", refused);
  field.value = "";
  dialog.showModal();
  field.focus();
  return new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY, field.value.trim());
      dialog.close();
    };
    document.getElementById("token-cancel").onclick = () => {
      sessionStorage.removeItem(KEY);
      dialog.close();
    };
    dialog.oncancel = () => sessionStorage.removeItem(KEY);
    dialog.onclose = () => resolve(token());
  });
}
