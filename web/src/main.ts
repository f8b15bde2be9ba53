import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/clip.css";
import "./styles/composer.css";
import "./styles/turn.css";
import "./styles/dialog.css";
import { Client } from "./api/client";
import { App } from "./app";
import { showSampleCards } from "./ui/sample_cards";
import { SettingsDialog } from "./ui/settings_dialog";
import { startTheme } from "./ui/theme";

startTheme();
const settings = new SettingsDialog(() => void app.refreshModels());
const app = new App(new Client(() => settings.apiKey()), settings);
void showSampleCards((sample, clip, question) => void app.askSample(clip, question, sample.questions));
