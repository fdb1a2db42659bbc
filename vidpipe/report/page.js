"use strict";

// Until it plays, a video is a picture with one button; without this script it has the browser's own controls.
for (const player of document.querySelectorAll(".player")) {
  const video = player.querySelector("video");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "play";
  button.setAttribute("aria-label", `Play ${video.getAttribute("aria-label")}`);
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  shape.setAttribute("viewBox", "0 0 24 24");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", "M7 4.5v15l12.5-7.5z");
  shape.append(path);
  button.append(shape);
  player.append(button);
  video.controls = false;
  const begin = () => {
    button.remove();
    video.controls = true;
  };
  video.addEventListener("play", begin, { once: true });
  video.addEventListener("error", begin, { once: true });
  button.addEventListener("click", () => {
    video.play().catch(begin);
    video.focus();
  });
}

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
