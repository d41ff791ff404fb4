import js from "@eslint/js";
import a11y from "eslint-plugin-jsx-a11y";
import hooks from "eslint-plugin-react-hooks";
import { defineConfig } from "eslint/config";
import typescript from "typescript-eslint";

export default defineConfig(
  { ignores: ["node_modules"] },
  js.configs.recommended,
  typescript.configs.strictTypeChecked,
  a11y.flatConfigs.strict,
  hooks.configs.flat.recommended,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // A number in a template reads as what it is.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // `void act()` and one-line arrows are the shortest way to say that nothing comes back.
      "@typescript-eslint/no-confusing-void-expression": "off",
      "max-lines": ["error", 400],
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: true }],
      "max-params": ["error", 6],
    },
  },
  { files: ["**/*.test.ts"], rules: { "max-lines-per-function": "off" } },
  { files: ["*.js"], extends: [typescript.configs.disableTypeChecked] },
);
