"use strict";

// A chapter under the film: go there and play.
for (const button of document.querySelectorAll("button[data-start]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const film = document.getElementById("film");
    film.currentTime = Number(button.dataset.start);
    film.play();
  });
}

// Only one thing plays at a time.
const players = [...document.querySelectorAll("video")];
for (const player of players) {
  player.addEventListener("play", () => {
    for (const other of players) if (other !== player) other.pause();
  });
}

// On paper everything that is told "on demand" is told, but for the long trails.
const closed = () => document.querySelectorAll("details:not([open]):not(.trail)");
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...closed()];
  for (const one of opened) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of opened) one.open = false;
});
