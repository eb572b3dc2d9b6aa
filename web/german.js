// The page in German: texts by their English ones. See text.js.
import { aroundDevices } from "./german_around_devices.js";
import { ofDevices } from "./german_of_devices.js";
import { ofIntegrations, sentencesOfIntegrations } from "./german_of_integrations.js";
import { sentences as told } from "./german_sentences.js";

export const texts = new Map(Object.entries({ ...ofDevices, ...aroundDevices, ...ofIntegrations }));
export const sentences = new Map(Object.entries({ ...sentencesOfIntegrations, ...told }));
