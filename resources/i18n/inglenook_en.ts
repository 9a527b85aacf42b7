<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en" sourcelanguage="en">
<context>
    <name>app::Exchange</name>
    <message numerus="yes">
        <source>%n token(s)</source>
        <translation>
            <numerusform>%n token</numerusform>
            <numerusform>%n tokens</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::ChatExchange</name>
    <message numerus="yes">
        <source>%n chat(s) imported.</source>
        <translation>
            <numerusform>%n chat imported.</numerusform>
            <numerusform>%n chats imported.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n chat(s) exported to %1.</source>
        <translation>
            <numerusform>%n chat exported to %1.</numerusform>
            <numerusform>%n chats exported to %1.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::ChatView</name>
    <message numerus="yes">
        <source>%n token(s)</source>
        <translation>
            <numerusform>%n token</numerusform>
            <numerusform>%n tokens</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n earlier message(s) left out</source>
        <translation>
            <numerusform>%n earlier message left out</numerusform>
            <numerusform>%n earlier messages left out</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n earlier token(s) left out</source>
        <translation>
            <numerusform>%n earlier token left out</numerusform>
            <numerusform>%n earlier tokens left out</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::ChoicesView</name>
    <message numerus="yes">
        <source>%n files</source>
        <translation>
            <numerusform>%n file</numerusform>
            <numerusform>%n files</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::Format</name>
    <message numerus="yes">
        <source>and %n more</source>
        <translation>
            <numerusform>and %n more</numerusform>
            <numerusform>and %n more</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>“%1” is in the trash for %n day(s).</source>
        <translation>
            <numerusform>“%1” is in the trash for %n day.</numerusform>
            <numerusform>“%1” is in the trash for %n days.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n thread(s)</source>
        <translation>
            <numerusform>%n thread</numerusform>
            <numerusform>%n threads</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Measured at the load: %n GPU(s) together %1, one alone %2.</source>
        <translation>
            <numerusform>Measured at the load: %n GPU together %1, one alone %2.</numerusform>
            <numerusform>Measured at the load: %n GPUs together %1, one alone %2.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::GetModelsView</name>
    <message numerus="yes">
        <source>%n models found</source>
        <translation>
            <numerusform>%n model found</numerusform>
            <numerusform>%n models found</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::LaneView</name>
    <message numerus="yes">
        <source>%n token(s)</source>
        <translation>
            <numerusform>%n token</numerusform>
            <numerusform>%n tokens</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::LanesView</name>
    <message numerus="yes">
        <source>%n request(s) in the last half minute</source>
        <translation>
            <numerusform>%n request in the last half minute</numerusform>
            <numerusform>%n requests in the last half minute</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::LeaveDialog</name>
    <message numerus="yes">
        <source>%n chat(s) are still answering. What has arrived is saved in any case.</source>
        <translation>
            <numerusform>%n chat is still answering. What has arrived is saved in any case.</numerusform>
            <numerusform>%n chats are still answering. What has arrived is saved in any case.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::ModelFitsView</name>
    <message numerus="yes">
        <source>%n GPU(s)</source>
        <translation>
            <numerusform>%n GPU</numerusform>
            <numerusform>%n GPUs</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::ModelQualityView</name>
    <message numerus="yes">
        <source>%n tensor(s) stayed in F16, because their rows cannot be cut into groups of 32.</source>
        <translation>
            <numerusform>%n tensor stayed in F16, because its rows cannot be cut into groups of 32.</numerusform>
            <numerusform>%n tensors stayed in F16, because their rows cannot be cut into groups of 32.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::ModelsPage</name>
    <message numerus="yes">
        <source>%n model(s)</source>
        <translation>
            <numerusform>%n model</numerusform>
            <numerusform>%n models</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::RooflineView</name>
    <message numerus="yes">
        <source>Prefill, a prompt of %n token(s)</source>
        <translation>
            <numerusform>Prefill, a prompt of %n token</numerusform>
            <numerusform>Prefill, a prompt of %n tokens</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::SettingsPage</name>
    <message numerus="yes">
        <source>%n setting(s) changed.</source>
        <translation>
            <numerusform>%n setting changed.</numerusform>
            <numerusform>%n settings changed.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::Tray</name>
    <message numerus="yes">
        <source>Inglenook: %n chat(s) answering</source>
        <translation>
            <numerusform>Inglenook: %n chat answering</numerusform>
            <numerusform>Inglenook: %n chats answering</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ui::VersionsView</name>
    <message numerus="yes">
        <source>There is version %1. %n files differ; the others stay as they are, and what is replaced is kept as an older version.</source>
        <translation>
            <numerusform>There is version %1. %n file differs; the others stay as they are, and what is replaced is kept as an older version.</numerusform>
            <numerusform>There is version %1. %n files differ; the others stay as they are, and what is replaced is kept as an older version.</numerusform>
        </translation>
    </message>
</context>
</TS>
